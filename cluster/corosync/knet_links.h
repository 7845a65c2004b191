// SPDX-License-Identifier: Apache-2.0
// The links to the other nodes, as Corosync's statistics show them. Asking for them takes a new
// connection and a call for each figure, and Corosync answers none while it forms a membership; so
// this is done in a process beside the daemon, now and then, and the daemon knows the last word.
// Corosync tells only an average since a link came up, which begins with what the first packets
// took; so two readings are compared.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct knet_links;
struct loop;
struct transport_link;
struct transport_nodes;

struct knet_links *knet_links_new(struct loop *loop) WARN_UNUSED;
void knet_links_free(struct knet_links *links);
// Whose links are watched: all nodes but `self`. Cheap when they are the same as before.
void knet_links_watch(struct knet_links *links, const struct transport_nodes *nodes, uint32_t self);
// What was last seen, ascending by node and link, in the arena; none when that is too old, or
// Corosync has no statistics (another transport than knet, or it is ending).
void knet_links_get(struct knet_links *links, struct arena *arena,
                    const struct transport_nodes *nodes, const struct transport_link **ret_links,
                    size_t *ret_count);
