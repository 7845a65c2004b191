// SPDX-License-Identifier: Apache-2.0
// Forms of probes. They are carried out in lrm/probe_run.c.
#include "common/model/probe.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"

enum { PROBE_HTTP_PORT = 80, PROBE_PORT_MAX = 65535, PROBE_TEXT_MAX = 4096 };

static int probe_refuse(const char *text, struct error *err)
{
    return error_set(err, -EINVAL,
                     "'%s': expected exec:/path/to/program [argument ...], tcp:host:port, "
                     "http://host[:port]/path or agent",
                     text);
}

// "host", "host:80", "[::1]:80"; port 0: none is given.
static bool probe_split_host(struct arena *arena, const char *text, struct probe *probe)
{
    const char *end = text;
    if (text[0] == '[') {
        end = strchr(text, ']');
        if (end == NULL || end == text + 1) {
            return false;
        }
        probe->host = arena_memdup(arena, text + 1, (size_t)(end - text - 1));
        end++;
    } else {
        end = text + strcspn(text, ":");
        probe->host = arena_memdup(arena, text, (size_t)(end - text));
    }
    if (probe->host[0] == '\0' || strpbrk(probe->host, " \t/@") != NULL) {
        return false;
    }
    return *end == '\0' ||
           (*end == ':' && parse_int64(end + 1, 1, PROBE_PORT_MAX, &probe->port) == 0);
}

static bool probe_parse_exec(struct arena *arena, const char *text, struct probe *probe)
{
    struct parse_words words = parse_fields(arena, text);
    if (words.count == 0 || words.words[0][0] != '/') {
        return false;
    }
    probe->kind = PROBE_EXEC;
    probe->argv = arena_array_of(arena, const char *, words.count + 1);
    for (size_t i = 0; i < words.count; i++) {
        probe->argv[i] = words.words[i];
    }
    return true;
}

int probe_parse(struct arena *arena, const char *text, struct probe *ret, struct error *err)
{
    struct probe probe = {.kind = PROBE_EXEC};
    bool good = false;
    if (strlen(text) > PROBE_TEXT_MAX || strpbrk(text, "\r\n") != NULL) {
        return probe_refuse("(text)", err);
    }
    if (strncmp(text, "exec:", 5) == 0) {
        good = probe_parse_exec(arena, text + 5, &probe);
    } else if (strncmp(text, "tcp:", 4) == 0) {
        probe.kind = PROBE_TCP;
        good = probe_split_host(arena, text + 4, &probe) && probe.port != 0;
    } else if (strncmp(text, "http://", 7) == 0) {
        const char *rest = text + 7;
        size_t length = strcspn(rest, "/");
        probe.kind = PROBE_HTTP;
        probe.path = rest[length] == '/' ? arena_strdup(arena, rest + length) : "/";
        good = probe_split_host(arena, arena_memdup(arena, rest, length), &probe) &&
               strpbrk(probe.path, " \t") == NULL;
        probe.port = probe.port != 0 ? probe.port : PROBE_HTTP_PORT;
    }
    if (strcmp(text, "agent") == 0) {
        probe.kind = PROBE_AGENT;
        good = true;
    }
    if (!good) {
        return probe_refuse(text, err);
    }
    *ret = probe;
    return 0;
}
