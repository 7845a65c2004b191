// SPDX-License-Identifier: Apache-2.0
// One question to the guest agent starts the program, others ask what became of it; each has a
// connection of its own, since whoever looks after the machine's health needs the line, too.
// Source: QEMU guest agent protocol, guest-exec and guest-exec-status.
#include "lrm/agents/vm_exec.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/host_clock.h"
#include "common/host/paths.h"
#include "common/model/sid.h"
#include "lrm/agents/qmp_client.h"

enum { VM_EXEC_WAIT_MS = 5000, VM_EXEC_LOOK_FIRST_MS = 50, VM_EXEC_LOOK_MAX_MS = 1000 };

static int exec_ask(struct arena *arena, const char *sid, const char *command,
                    const struct json *arguments, const struct json **ret, struct error *err)
{
    struct qmp_client *client CLEANUP(qmp_client_freep) = NULL;
    const char *path = arena_printf(arena, "%s/vm-%s/agent", paths_run_dir(), sid_name(sid));
    int r = qmp_client_open_silent(path, &client, NULL);
    if (r < 0) {
        return error_set(err, r,
                         "'%s' runs without a line to a guest agent: set agent to 1, and start it "
                         "again",
                         sid);
    }
    r = qmp_client_synchronize(client, VM_EXEC_WAIT_MS, arena, NULL);
    if (r < 0) {
        return error_set(err, -ETIMEDOUT, "the guest agent in '%s' does not answer", sid);
    }
    r = qmp_client_execute(client, command, arguments, VM_EXEC_WAIT_MS, arena, ret, err);
    return r < 0 ? error_prefix(err, "the guest agent in '%s'", sid) : 0;
}

static int exec_decode(struct arena *arena, const struct json *answer, const char *key,
                       const char **ret, size_t *ret_size, struct error *err)
{
    const char *text = json_find_string(answer, key);
    char *data = NULL;
    int r = text != NULL ? digest_base64_decode(arena, text, &data, ret_size) : 0;
    if (r < 0) {
        return error_set(err, -EBADMSG, "the guest agent's %s is not base64", key);
    }
    *ret = data;
    return 0;
}

// What became of it; `ret_ended` false: it runs.
static int exec_read_end(struct arena *arena, const struct json *answer, bool *ret_ended,
                         struct vm_exec_result *ret, struct error *err)
{
    struct vm_exec_result result = {0};
    int64_t code = 0;
    int64_t signo = 0;
    bool ended = false;
    bool output_cut = false;
    bool errors_cut = false;
    int r = json_get_bool_if(answer, "exited", &ended, err);
    if (r < 0 || !ended) {
        return r;
    }
    if ((r = json_get_int_if(answer, "exitcode", INT_MIN, INT_MAX, &code, err)) < 0 ||
        (r = json_get_int_if(answer, "signal", 0, 127, &signo, err)) < 0 ||
        (r = json_get_bool_if(answer, "out-truncated", &output_cut, err)) < 0 ||
        (r = json_get_bool_if(answer, "err-truncated", &errors_cut, err)) < 0 ||
        (r = exec_decode(arena, answer, "out-data", &result.output, &result.output_bytes, err)) <
            0 ||
        (r = exec_decode(arena, answer, "err-data", &result.errors, &result.errors_bytes, err)) <
            0) {
        return r;
    }
    result.status = signo > 0 ? 128 + (int)signo : (int)(code & 0xff);
    result.cut = output_cut || errors_cut;
    *ret = result;
    *ret_ended = true;
    return 0;
}

static int exec_wait(struct arena *arena, const char *sid, int64_t pid, struct vm_exec_result *ret,
                     struct error *err)
{
    int64_t wait_ms = VM_EXEC_LOOK_FIRST_MS;
    for (bool ended = false; !ended;) {
        struct arena *look CLEANUP(arena_freep) = arena_new();
        struct json *arguments = json_new_object(look);
        const struct json *answer = NULL;
        host_sleep_ms(wait_ms);
        wait_ms = wait_ms * 2 < VM_EXEC_LOOK_MAX_MS ? wait_ms * 2 : VM_EXEC_LOOK_MAX_MS;
        json_put_int(arguments, "pid", pid);
        int r = exec_ask(look, sid, "guest-exec-status", arguments, &answer, err);
        if (r == 0) {
            r = exec_read_end(arena, answer, &ended, ret, err);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int vm_exec_run(struct arena *arena, const char *sid, const char *const *argv,
                struct vm_exec_result *ret, struct error *err)
{
    struct json *arguments = json_new_object(arena);
    struct json *words = json_new_array(arena);
    const struct json *answer = NULL;
    int64_t pid = 0;
    for (size_t i = 1; argv[i] != NULL; i++) {
        json_append(words, json_new_string(arena, argv[i]));
    }
    json_put_string(arguments, "path", argv[0]);
    json_put(arguments, "arg", words);
    json_put_bool(arguments, "capture-output", true);
    int r = exec_ask(arena, sid, "guest-exec", arguments, &answer, err);
    if (r == 0) {
        r = json_get_int(answer, "pid", 0, INT64_MAX, &pid, err);
    }
    return r < 0 ? r : exec_wait(arena, sid, pid, ret, err);
}
