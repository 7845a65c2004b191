// SPDX-License-Identifier: Apache-2.0
// Messages of QEMU's control protocol, to and from text.
#include "lrm/agents/qmp.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"

char *qmp_format_command(struct arena *arena, const char *name, const struct json *arguments)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    struct json *command = json_new_object(arena);
    json_put_string(command, "execute", name);
    json_format(command, JSON_STYLE_COMPACT, &out);
    if (arguments == NULL) {
        return arena_printf(arena, "%s\n", strbuf_text(&out));
    }
    struct strbuf inner CLEANUP(strbuf_done) = {0};
    json_format(arguments, JSON_STYLE_COMPACT, &inner);
    // The command's closing brace goes behind its arguments.
    return arena_printf(arena, "%.*s,\"arguments\":%s}\n", (int)(out.size_bytes - 1),
                        strbuf_text(&out), strbuf_text(&inner));
}

int qmp_parse(struct arena *arena, const char *line, size_t size_bytes, struct qmp_message *ret,
              struct error *err)
{
    struct json *message = NULL;
    if (json_parse(arena, line, size_bytes, &message, err) < 0) {
        error_set(err, -EBADMSG, "QEMU's message is not JSON");
        return -EBADMSG;
    }
    const struct json *result = json_find(message, "return");
    const struct json *failure = json_find(message, "error");
    const char *event = json_find_string(message, "event");
    if (result != NULL) {
        *ret = (struct qmp_message){.kind = QMP_RETURN, .result = result};
    } else if (failure != NULL) {
        const char *words = json_find_string(failure, "desc");
        *ret = (struct qmp_message){.kind = QMP_ERROR, .error = words != NULL ? words : "no words"};
    } else if (event != NULL) {
        *ret = (struct qmp_message){
            .kind = QMP_EVENT, .event = event, .data = json_find(message, "data")};
    } else if (json_find(message, "QMP") != NULL) {
        *ret = (struct qmp_message){.kind = QMP_GREETING};
    } else {
        return error_set(err, -EBADMSG, "QEMU's message is neither answer nor event");
    }
    return 0;
}

bool qmp_is_synchronous(struct arena *arena, const char *line, size_t size_bytes, int64_t id)
{
    struct json *answer = NULL;
    int64_t said = -1;
    size_t at = size_bytes;
    while (at > 0 && (unsigned char)line[at - 1] != 0xff) {
        at--;
    }
    return at > 0 && json_parse(arena, line + at, size_bytes - at, &answer, NULL) == 0 &&
           json_get_int(answer, "return", 0, INT64_MAX, &said, NULL) == 0 && said == id;
}

void qmp_lines_done(struct qmp_lines *lines)
{
    strbuf_done(&lines->bytes);
    lines->at = 0;
}

int qmp_lines_add(struct qmp_lines *lines, const char *bytes, size_t size_bytes)
{
    if (lines->at > 0) {
        struct strbuf rest = {0};
        strbuf_append_bytes(&rest, lines->bytes.text + lines->at,
                            lines->bytes.size_bytes - lines->at);
        strbuf_done(&lines->bytes);
        lines->bytes = rest;
        lines->at = 0;
    }
    if (size_bytes > QMP_LINE_MAX || lines->bytes.size_bytes + size_bytes > QMP_LINE_MAX) {
        return -EMSGSIZE;
    }
    strbuf_append_bytes(&lines->bytes, bytes, size_bytes);
    return 0;
}

char *qmp_lines_next(struct qmp_lines *lines, struct arena *arena, size_t *ret_size)
{
    while (lines->at < lines->bytes.size_bytes) {
        const char *start = lines->bytes.text + lines->at;
        const char *end = memchr(start, '\n', lines->bytes.size_bytes - lines->at);
        if (end == NULL) {
            return NULL;
        }
        size_t size = (size_t)(end - start);
        lines->at += size + 1;
        size -= size > 0 && start[size - 1] == '\r' ? 1 : 0;
        if (size > 0) {
            *ret_size = size;
            return arena_memdup(arena, start, size);
        }
    }
    return NULL;
}
