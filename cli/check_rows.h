// SPDX-License-Identifier: Apache-2.0
// What "ha-cluster check" makes of what the nodes say of themselves. Pure: documents in, rows out.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct json;

enum check_level { CHECK_LEVEL_OK, CHECK_LEVEL_WARNING, CHECK_LEVEL_ERROR };

struct check_row {
    enum check_level level;
    const char *subject; // "quorum", "links", …
    const char *words;
    const char *remedy; // NULL when it is ok
};

enum { CHECK_ROWS_MAX = 1024 };

struct check_rows {
    struct arena *arena;
    struct check_row rows[CHECK_ROWS_MAX];
    size_t count; // more are left out
};

// What came back from a port of Corosync that ought to answer and does not
// (common/host/udp_probe.h).
struct check_port {
    const char *node, *address;
    int link;
    uint16_t port;
    int answer; // an enum udp_answer
};

struct check_input {
    const char *node, *host;    // of ha-clusterd, and of the machine
    const struct json *status;  // this node's (cluster/status.c)
    const struct json *members; // of "membership", a list
    const struct map *answers;  // node → struct json *, see cluster/self_report.h
    const struct map *files;    // node → struct json *: the corosync.conf on its disk
    int64_t stored_version;     // of the corosync.conf in the store; 0: none
    const struct check_port *ports;
    size_t ports_count;
    const struct map *fences; // device → struct json *, its last test; NULL: never tested
    int64_t now_s;
};

// In a fixed order; there is at least one row for each subject.
void check_rows_make(struct check_rows *rows, const struct check_input *input);
const char *check_level_text(enum check_level level) WARN_UNUSED; // "ok", "warning", "error"
