// SPDX-License-Identifier: Apache-2.0
// QEMU's control protocol, without a socket; pure. Each message is a JSON object on a line: QEMU
// greets, answers commands in their order, and tells events in between.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/strbuf.h"

struct arena;
struct error;
struct json;

enum qmp_kind { QMP_GREETING = 1, QMP_RETURN, QMP_ERROR, QMP_EVENT };

struct qmp_message {
    enum qmp_kind kind;
    const char *event;         // QMP_EVENT: its name
    const struct json *data;   // QMP_EVENT: what belongs to it, or NULL
    const struct json *result; // QMP_RETURN
    const char *error;         // QMP_ERROR: in QEMU's words
};

// {"execute":…,"arguments":…} and a line's end, in the arena. Without arguments: NULL.
char *qmp_format_command(struct arena *arena, const char *name,
                         const struct json *arguments) WARN_UNUSED;
// One line without its end. -EBADMSG: it is not a message.
int qmp_parse(struct arena *arena, const char *line, size_t size_bytes, struct qmp_message *ret,
              struct error *err) WARN_UNUSED;

// Whether the line is the guest agent's answer to guest-sync-delimited with that id: behind the
// last byte 0xff, which is in no other message.
bool qmp_is_synchronous(struct arena *arena, const char *line, size_t size_bytes,
                        int64_t id) WARN_UNUSED;

// Bytes as they come, taken apart into lines.
enum { QMP_LINE_MAX = 4 * 1024 * 1024 };
struct qmp_lines {
    struct strbuf bytes;
    size_t at; // what is before was taken
};
void qmp_lines_done(struct qmp_lines *lines);
// -EMSGSIZE: a line is longer than allowed.
int qmp_lines_add(struct qmp_lines *lines, const char *bytes, size_t size_bytes) WARN_UNUSED;
// The next complete line that is not empty, in the arena, without its end; NULL: there is none yet.
char *qmp_lines_next(struct qmp_lines *lines, struct arena *arena, size_t *ret_size) WARN_UNUSED;
