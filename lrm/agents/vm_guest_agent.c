// SPDX-License-Identifier: Apache-2.0
// Asks the guest agent. Its line may hold what nobody read: questions that the guest has not seen
// yet, and answers to those who have gone. So each conversation begins with a question that only
// its own answer fits.
// Source: QEMU guest agent protocol, guest-sync-delimited.
#include "lrm/agents/vm_guest_agent.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/file.h"
#include "common/host/machine.h"
#include "common/model/guest.h"
#include "lrm/agents/qmp_client.h"
#include "lrm/agents/service_task.h"
#include "lrm/agents/vm_config.h"
#include "lrm/agents/vm_task.h"

enum { VM_AGENT_WAIT_MS = 500, VM_AGENT_MARK_MAX = 256 };

static int agent_open(struct vm_task *task, int64_t until_ms, struct qmp_client **ret,
                      struct error *err)
{
    struct qmp_client *client = NULL;
    const char *path = arena_printf(task->arena, "%s/agent", task->folder);
    int r = qmp_client_open_silent(path, &client, err);
    if (r == 0) {
        r = qmp_client_synchronize(client, until_ms - service_now_ms(), task->arena, err);
    }
    if (r < 0) {
        qmp_client_free(client);
        return r;
    }
    *ret = client;
    return 0;
}

bool vm_guest_agent_power_down(struct vm_task *task)
{
    struct qmp_client *client CLEANUP(qmp_client_freep) = NULL;
    struct json *mode = json_new_object(task->arena);
    json_put_string(mode, "mode", "powerdown");
    if (agent_open(task, service_now_ms() + VM_AGENT_WAIT_MS, &client, NULL) < 0) {
        return false;
    }
    // It does not answer this one when it obeys.
    int r = qmp_client_execute(client, "guest-shutdown", mode, VM_AGENT_WAIT_MS, task->arena, NULL,
                               NULL);
    return r == 0 || r == -ETIMEDOUT;
}

// --- Whether it has answered since this QEMU was started. ---

static const char *mark_path(const struct vm_task *task)
{
    return arena_printf(task->arena, "%s/agent-answered", task->folder);
}

// Names this QEMU for ever; NULL when it is not there.
static const char *mark_text(struct vm_task *task)
{
    bool there = false;
    pid_t pid = 0;
    const char *start = NULL;
    if (vm_task_look(task, &there, &pid, NULL) < 0 || pid <= 0 ||
        machine_process_start(task->arena, pid, &start, NULL) < 0) {
        return NULL;
    }
    return arena_printf(task->arena, "%lld %s\n", (long long)pid, start);
}

static bool mark_is_there(const struct vm_task *task, const char *mark)
{
    char *text = NULL;
    size_t size = 0;
    return file_read(task->arena, mark_path(task), VM_AGENT_MARK_MAX, &text, &size, NULL) == 0 &&
           strcmp(text, mark) == 0;
}

int vm_guest_agent_ping(struct vm_task *task, int64_t timeout_ms, struct error *err)
{
    struct qmp_client *client CLEANUP(qmp_client_freep) = NULL;
    struct vm_config *config = NULL;
    int64_t until_ms = service_now_ms() + timeout_ms;
    int r = vm_config_parse(task->arena, task->guest, &config, err);
    if (r < 0) {
        return r;
    }
    if (!config->agent) {
        return error_set(err, -ENOTSUP, "its definition has no guest agent (agent 1)");
    }
    const char *mark = mark_text(task);
    if (mark == NULL) {
        return error_set(err, -EAGAIN, "it does not run");
    }
    bool answered = mark_is_there(task, mark);
    struct error problem = {0};
    r = agent_open(task, until_ms, &client, &problem);
    if (r == 0) {
        r = qmp_client_execute(client, "guest-ping", NULL, until_ms - service_now_ms(), task->arena,
                               NULL, &problem);
    }
    if (r < 0 && !answered) {
        return error_set(err, -EAGAIN, "its guest agent has not answered since it was started");
    }
    if (r < 0) {
        return error_set(err, r, "its guest agent does not answer: %s", problem.text);
    }
    // Without the mark only the next failure would not count.
    if (!answered) {
        ignore_result(file_replace(mark_path(task), mark, strlen(mark), 0600, NULL));
    }
    return 0;
}
