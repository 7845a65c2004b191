// SPDX-License-Identifier: Apache-2.0
// What corosync_conf.c (reading, writing, asking) and corosync_conf_edit.c (changing) share.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/model/corosync_conf.h"

// A key of ours in section "node"; Corosync keeps what it does not know.
#define CONF_KEY_JOINING "ha_joining"

enum conf_line_kind { CONF_LINE_KEY, CONF_LINE_OPEN, CONF_LINE_CLOSE };

struct conf_line {
    enum conf_line_kind kind;
    const char *name;  // of the key or section; NULL: close
    const char *value; // key
};

struct corosync_conf {
    struct arena *arena;
    const char *cluster_name;
    int64_t version, token_ms;
    struct corosync_node nodes[COROSYNC_NODES_MAX];
    size_t nodes_count;
    struct conf_line *lines;
    size_t lines_count;
};

// Each puts one line at *at and counts it up. The texts of keys and values are copied, names of
// sections and keys are borrowed.
void conf_add_open(struct corosync_conf *conf, size_t *at, const char *name);
void conf_add_key(struct corosync_conf *conf, size_t *at, const char *name, const char *value);
void conf_add_close(struct corosync_conf *conf, size_t *at);

struct corosync_conf *conf_new(struct arena *arena) WARN_UNUSED;
// The node that has this address on some link, or NULL.
const struct corosync_node *conf_find_address(const struct corosync_conf *conf,
                                              const char *address) WARN_UNUSED;
// A link whose address is that of an earlier link of the node: two links on one network card fail
// together; −1: none.
int conf_address_twice(const char *const addresses[COROSYNC_LINKS_MAX]) WARN_UNUSED;
