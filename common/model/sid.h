// SPDX-License-Identifier: Apache-2.0
// Names: service ids, nodes, configuration ids. The forms users type and files hold.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct arena;
struct error;

enum { SID_MAX = 255, NODE_NAME_MAX = 63 };

// A service id is "<type>:<name>": type [a-z]+, name without white space. For ct and vm the name is
// a number of at least two digits that does not start with 0; for unit a unit's name that ends in
// ".service"; for ocf letters, digits, '.', '_', '-', the first a letter, digit or '_'. Returns 0
// or -EINVAL with the allowed form.
int sid_check(const char *sid, struct error *err) WARN_UNUSED;
// "ct" of "ct:100", in the arena. The sid must have passed sid_check().
const char *sid_type(struct arena *arena, const char *sid) WARN_UNUSED;
// Whether the part before the ':' is this one.
bool sid_is_of(const char *sid, const char *type) WARN_UNUSED;
// "100" of "ct:100": a pointer into the sid.
const char *sid_name(const char *sid) WARN_UNUSED;
// [a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?, at most NODE_NAME_MAX characters.
int node_name_check(const char *node, struct error *err) WARN_UNUSED;
// A letter, then at least one of letters, digits, '_', '-': rule, group and storage names.
int config_id_check(const char *id, struct error *err) WARN_UNUSED;
