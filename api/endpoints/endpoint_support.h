// SPDX-License-Identifier: Apache-2.0
// What handlers of several files need: parameters as texts for the functions that tools use too,
// and what the store has beside the view.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct call;
struct error;
struct event;
struct guest;
struct json;
struct node_figures;

// The parameter as text, whatever its type: "1" for true, "a,b" for a list; NULL when it was not
// given.
const char *endpoint_text(const struct call *call, const char *name) WARN_UNUSED;
// Those of the names that were given: name → text. NULL-terminated.
void endpoint_texts(const struct call *call, const char *const *names, struct map *ret);
// "state=started max_restart=2": what was given, for events; or NULL when nothing was.
const char *endpoint_summary(const struct call *call, const struct map *set,
                             const char *unset) WARN_UNUSED;
// An event of level notice with `key` = `value` and what was done to it ("added", "changed",
// "removed"), told as the caller's deed. `name` as docs/events.md has it.
void endpoint_tell(const struct call *call, struct event *event, const char *what,
                   const char *settings);

// Whether the node belongs to the cluster, and whether it is there.
bool endpoint_is_node(const struct call *call, const char *node) WARN_UNUSED;
bool endpoint_is_online(const struct call *call, const char *node) WARN_UNUSED;
// What nodes that are there said last of themselves: node → struct node_figures *.
void endpoint_figures(const struct call *call, struct map *ret);
const struct node_figures *endpoint_figures_of(const struct call *call,
                                               const char *node) WARN_UNUSED; // or NULL
// The fingerprint of a node's certificate, or NULL.
const char *endpoint_fingerprint(const struct call *call, const char *node) WARN_UNUSED;
int64_t endpoint_now_s(const struct call *call) WARN_UNUSED;
// Asks ha-clusterd for a document; it answers at once or, when it hangs, not within the short time
// that is waited. -errno.
int endpoint_ask(const struct call *call, const char *op, struct json **ret,
                 struct error *err) WARN_UNUSED;
// Where a node's API is, as it said; or NULL.
const char *endpoint_address(const struct call *call, const char *node) WARN_UNUSED;
