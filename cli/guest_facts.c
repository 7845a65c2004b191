// SPDX-License-Identifier: Apache-2.0
// Facts of guests, from control groups and from the manager's records.
#include "cli/guest_facts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/cluster_view.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/host/machine.h"
#include "common/model/guest.h"
#include "common/model/node_figures.h"
#include "common/model/service.h"
#include "lrm/agents/agents.h"
#include "lrm/agents/guest_traffic.h"

enum { GUEST_MS_PER_S = 1000 };

static int64_t guest_uptime_s(pid_t pid, int64_t now_ms)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *text = NULL;
    int64_t ticks = 0;
    if (pid <= 0 || machine_process_start(arena, pid, &text, NULL) < 0 ||
        parse_int64(text, 0, INT64_MAX, &ticks) < 0) {
        return 0;
    }
    int64_t uptime_s = now_ms / GUEST_MS_PER_S - ticks / sysconf(_SC_CLK_TCK);
    return uptime_s > 0 ? uptime_s : 0;
}

int guest_facts_read(const char *sid, int64_t now_ms, struct guest_facts *ret, struct error *err)
{
    struct guest_facts facts = {0};
    const struct agent_type *type = agents_find_of(sid);
    if (type == NULL || type->load == NULL) {
        return error_set(err, -ENOTSUP, "'%s': this build knows no guests of this type", sid);
    }
    int r = type->load(sid, &facts.running, &facts.cpu_us, &facts.mem_bytes, err);
    if (r < 0) {
        return r;
    }
    if (facts.running && type->init_pid != NULL) {
        facts.pid = type->init_pid(sid);
        facts.uptime_s = guest_uptime_s(facts.pid, now_ms);
    }
    *ret = facts;
    return 0;
}

int guest_facts_traffic(const char *sid, struct guest_figures *ret, struct error *err)
{
    const struct agent_type *type = agents_find_of(sid);
    struct guest_traffic traffic;
    if (type == NULL || type->traffic == NULL) {
        return error_set(err, -ENOTSUP, "'%s': nobody counts what it reads and writes", sid);
    }
    int r = type->traffic(sid, &traffic, err);
    if (r < 0) {
        return r;
    }
    ret->read_bytes = traffic.read_bytes;
    ret->write_bytes = traffic.write_bytes;
    ret->in_bytes = traffic.in_bytes;
    ret->out_bytes = traffic.out_bytes;
    return 0;
}

const char *guest_known_state(const struct cluster_view *view, const struct guest *guest)
{
    const struct service *service = map_find(&view->services, guest->sid);
    if (service == NULL || strcmp(service->node, guest->node) != 0) {
        return "unknown";
    }
    if (service->state == SVC_STATE_STARTED && service->running) {
        return "running";
    }
    return service->state == SVC_STATE_STOPPED ? "stopped" : "unknown";
}
