// SPDX-License-Identifier: Apache-2.0
// What the fence devices say about the absent nodes' power.
#pragma once

struct cli;
struct json;
struct session;

// Asks the devices of each absent node for its status and adds to `request` the list "on" of nodes
// of which one says that it is on. "Off" is no proof that nothing runs there: some agents say it
// when they dislike their options. A device that does not answer is warned of.
void fence_power_ask(struct cli *cli, const struct session *session, struct json *request);
