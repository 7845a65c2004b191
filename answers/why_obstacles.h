// SPDX-License-Identifier: Apache-2.0
// What is in the way of a service that does not do what is wanted. Internal to answers/.
#pragma once

struct json;
struct why_facts;

// Appends sentences to the array.
void why_obstacles_say(const struct why_facts *facts, struct json *words);
