// SPDX-License-Identifier: Apache-2.0
// QEMU's commands around a live move.
#include "lrm/agents/vm_link.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/host/file.h"
#include "lrm/agents/qmp_client.h"
#include "lrm/agents/vm_config.h"
#include "lrm/agents/vm_task.h"

// QEMU reads keys and makes connections meanwhile.
enum { LINK_WAIT_MS = 15 * 1000 };

#define LINK_KEY_ID   "move-key"
#define LINK_KEY_USER "ha-manager"

// The group ffdhe3072 of RFC 7919. Without it the receiver's QEMU would search for a group of its
// own each time, and stand still for seconds meanwhile.
static const char link_group[] =
    "-----BEGIN DH PARAMETERS-----\n"
    "MIIBiAKCAYEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz\n"
    "+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a\n"
    "87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7\n"
    "YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi\n"
    "7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD\n"
    "ssbzSibBsu/6iGtCOGEfz9zeNVs7ZRkDW7w09N75nAI4YbRvydbmyQd62R0mkff3\n"
    "7lmMsPrBhtkcrv4TCYUTknC0EwyTvEN5RPT9RFLi103TZPLiHnH1S/9croKrnJ32\n"
    "nuhtK8UiNjoNq8Uhl5sN6todv5pC1cRITgq80Gv6U93vPBsg7j/VnXwl5B0rZsYu\n"
    "N///////////AgEC\n"
    "-----END DH PARAMETERS-----\n";

// Without a limit of the definition: as much as there is. QEMU's own default is 128 MiB/s.
#define LINK_BANDWIDTH_MAX ((int64_t)1 << 40)

static int link_execute(struct vm_task *task, struct qmp_client *qmp, const char *command,
                        const struct json *arguments, struct error *err)
{
    return qmp_client_execute(qmp, command, arguments, LINK_WAIT_MS, task->arena, NULL, err);
}

static const char *key_folder(const struct vm_task *task)
{
    return arena_printf(task->arena, "%s/key", task->folder);
}

static void key_remove(const struct vm_task *task)
{
    (void)unlink(arena_printf(task->arena, "%s/keys.psk", key_folder(task))); // may be missing
}

// The key is in a file for a while, which only root may read and which is never on a disk.
static int key_give(struct vm_task *task, struct qmp_client *qmp, const char *secret, bool sends,
                    struct error *err)
{
    struct json *object = json_new_object(task->arena);
    const char *text = arena_printf(task->arena, "%s:%s\n", LINK_KEY_USER, secret);
    int r = file_make_directory(key_folder(task), 0700, err);
    if (r == 0) {
        r = file_replace(arena_printf(task->arena, "%s/keys.psk", key_folder(task)), text,
                         strlen(text), 0600, err);
    }
    if (r == 0 && !sends) {
        r = file_replace(arena_printf(task->arena, "%s/dh-params.pem", key_folder(task)),
                         link_group, strlen(link_group), 0600, err);
    }
    if (r < 0) {
        return r;
    }
    json_put_string(object, "qom-type", "tls-creds-psk");
    json_put_string(object, "id", LINK_KEY_ID);
    json_put_string(object, "dir", key_folder(task));
    json_put_string(object, "endpoint", sends ? "client" : "server");
    json_put_string(object, "username", sends ? LINK_KEY_USER : NULL);
    r = link_execute(task, qmp, "object-add", object, err);
    if (sends || r < 0) {
        key_remove(task); // the receiver reads it when the other side connects
    }
    return r;
}

static void add_capability(struct json *list, const char *name)
{
    struct json *item = json_new_object(list->arena);
    json_put_string(item, "capability", name);
    json_put_bool(item, "state", true);
    json_append(list, item);
}

int vm_link_prepare(struct vm_task *task, struct qmp_client *qmp, const char *secret,
                    const struct vm_config *config, struct error *err)
{
    struct json *capabilities = json_new_object(task->arena);
    struct json *list = json_new_array(task->arena);
    struct json *parameters = json_new_object(task->arena);
    vm_link_forget(task, qmp); // what an earlier move has left
    add_capability(list, "events");
    json_put_string(parameters, "tls-creds", LINK_KEY_ID);
    json_put_string(parameters, "tls-hostname", "");
    if (config != NULL) {
        add_capability(list, "pause-before-switchover"); // a last look before the point
        add_capability(list, "auto-converge"); // a machine that writes fast is slowed down
        json_put_int(parameters, "downtime-limit", config->downtime_limit_ms);
        json_put_int(parameters, "max-bandwidth",
                     config->bandwidth_bytes_s > 0 ? config->bandwidth_bytes_s
                                                   : LINK_BANDWIDTH_MAX);
    } else {
        // The images stay the sender's, by their locks, until this machine is told to go on.
        add_capability(list, "late-block-activate");
    }
    json_put(capabilities, "capabilities", list);
    int r = key_give(task, qmp, secret, config != NULL, err);
    if (r == 0) {
        r = link_execute(task, qmp, "migrate-set-capabilities", capabilities, err);
    }
    if (r == 0) {
        r = link_execute(task, qmp, "migrate-set-parameters", parameters, err);
    }
    return r;
}

void vm_link_forget(struct vm_task *task, struct qmp_client *qmp)
{
    struct json *object = json_new_object(task->arena);
    json_put_string(object, "id", LINK_KEY_ID);
    ignore_result(link_execute(task, qmp, "object-del", object, NULL)); // there may be none
    key_remove(task);
}

const char *vm_link_uri(struct arena *arena, const char *address, int64_t port)
{
    return arena_printf(arena, strchr(address, ':') != NULL ? "tcp:[%s]:%lld" : "tcp:%s:%lld",
                        address, (long long)port);
}

// The listening port, which QEMU tells as text.
static int64_t port_of(const struct json *answer)
{
    const struct json *list = json_find(answer, "socket-address");
    int64_t port = 0;
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        const char *text = json_find_string(list->items[i], "port");
        if (text != NULL && parse_int64(text, 1, 65535, &port) == 0) {
            return port;
        }
    }
    return 0;
}

int vm_link_look(struct vm_task *task, struct qmp_client *qmp, struct vm_link_state *ret,
                 struct error *err)
{
    const struct json *answer = NULL;
    int r =
        qmp_client_execute(qmp, "query-migrate", NULL, VM_QMP_WAIT_MS, task->arena, &answer, err);
    if (r < 0) {
        return r;
    }
    struct vm_link_state state = {.status = json_find_string(answer, "status"),
                                  .error = json_find_string(answer, "error-desc"),
                                  .port = port_of(answer)};
    const struct json *ram = json_find(answer, "ram");
    if (ram != NULL) {
        // What is missing is 0.
        ignore_result(json_get_int_if(ram, "transferred", 0, INT64_MAX, &state.sent_bytes, NULL));
        ignore_result(json_get_int_if(ram, "remaining", 0, INT64_MAX, &state.left_bytes, NULL));
    }
    ignore_result(json_get_int_if(answer, "downtime", 0, INT64_MAX, &state.downtime_ms, NULL));
    state.status = state.status != NULL ? state.status : "none";
    *ret = state;
    return 0;
}
