// SPDX-License-Identifier: Apache-2.0
// /nodes/{node}/…/{vmid}/status/start and so on, and migrate: each is a task, which our tools carry
// out. A guest under HA is not touched: what is asked for becomes what HA is asked for.
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "api/call/call.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/guest_find.h"
#include "api/endpoints/guest_rows.h"
#include "api/endpoints/parameter_rows.h"
#include "api/task/task.h"
#include "cli/cluster_view.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/guest.h"
#include "common/model/sid.h"

enum { POWER_TIMEOUT_S = 60, POWER_TIMEOUT_MAX_S = 7 * 24 * 3600 };

struct power {
    const struct guest *guest;
    bool managed;
    bool running;
    bool is_container;
};

static bool power_begin(struct call *call, struct power *ret)
{
    struct guest_shown shown;
    struct map figures;
    struct power power = {.guest = endpoint_guest(call)};
    if (power.guest == NULL) {
        return false;
    }
    endpoint_figures(call, &figures);
    guest_shown_read(call, &figures, power.guest, &shown);
    power.managed = cluster_view_manages(call->host->view, power.guest->sid);
    power.running = strcmp(shown.status, "running") == 0;
    power.is_container = strcmp(shown.type, "lxc") == 0;
    *ret = power;
    return true;
}

// False, and the call is refused, when the guest is not as it must be. A machine under HA may be
// on its way.
static bool power_check(struct call *call, const struct power *power, bool running)
{
    const char *what = power->is_container ? "CT" : "VM";
    if (power->running == running || (power->managed && !power->is_container)) {
        return true;
    }
    call_refuse(call, CALL_STATUS_FAILED, "%s %s %s", what, sid_name(power->guest->sid),
                running ? "not running" : "already running");
    return false;
}

static void power_task(struct call *call, const struct power *power, const char *type,
                       const char *const *argv)
{
    const struct task_spec spec = {.type = type, .id = sid_name(power->guest->sid), .argv = argv};
    call_task(call, &spec);
}

// Without quorum nobody knows where a guest belongs: the tool would refuse it, here it is said at
// once.
static bool power_need_quorum(struct call *call)
{
    const struct error err = {.code = -EHOSTDOWN};
    if (!call->host->view->members.quorate) {
        call_fail(call, &err);
        return false;
    }
    return true;
}

static void power_start(struct call *call)
{
    struct power power;
    if (!power_begin(call, &power) || !power_check(call, &power, false) ||
        !power_need_quorum(call)) {
        return;
    }
    if (power.managed) {
        const char *const argv[] = {"ha-manager", "set",     power.guest->sid,
                                    "--state",    "started", NULL};
        power_task(call, &power, "hastart", argv);
        return;
    }
    const char *const argv[] = {"ha-guest", "start", power.guest->sid, NULL};
    power_task(call, &power, power.is_container ? "vzstart" : "qmstart", argv);
}

static void power_end(struct call *call, int64_t timeout_s, const char *container_type,
                      const char *machine_type)
{
    struct power power;
    const char *timeout = arena_printf(call->arena, "%" PRId64, timeout_s);
    if (!power_begin(call, &power) || !power_check(call, &power, true)) {
        return;
    }
    if (power.managed && !power_need_quorum(call)) {
        return;
    }
    if (power.managed) {
        const char *const argv[] = {"ha-manager",     "crm-command", "stop",
                                    power.guest->sid, timeout,       NULL};
        power_task(call, &power, "hastop", argv);
        return;
    }
    const char *const hard[] = {"ha-guest", "stop", power.guest->sid, NULL};
    const char *const soft[] = {"ha-guest",  "shutdown", power.guest->sid,
                                "--timeout", timeout,    NULL};
    power_task(call, &power, power.is_container ? container_type : machine_type,
               timeout_s > 0 ? soft : hard);
}

static void power_stop(struct call *call)
{
    power_end(call, 0, "vzstop", "qmstop");
}

static void power_shutdown(struct call *call)
{
    power_end(call, call_int(call, "timeout", POWER_TIMEOUT_S), "vzshutdown", "qmshutdown");
}

// Under HA, too, it is the guest that is asked to end: its LRM starts it again.
static void power_reboot(struct call *call)
{
    struct power power;
    const char *timeout =
        arena_printf(call->arena, "%" PRId64, call_int(call, "timeout", POWER_TIMEOUT_S));
    if (!power_begin(call, &power) || !power_check(call, &power, true)) {
        return;
    }
    const char *const argv[] = {"ha-guest", "reboot", power.guest->sid, "--timeout", timeout, NULL};
    power_task(call, &power, power.is_container ? "vzreboot" : "qmreboot", argv);
}

// ---- Moves.

static void power_migrate(struct call *call)
{
    struct power power;
    const char *target = call_string(call, "target", "");
    bool restarts = call_bool(call, "restart", false) || call_bool(call, "online", false);
    if (!power_begin(call, &power)) {
        return;
    }
    if (strcmp(target, power.guest->node) == 0) {
        call_fault(call, "target", "target is local node.");
        return;
    }
    if (!endpoint_is_node(call, target)) {
        call_fault(call, "target", "no such cluster node '%s'", target);
        return;
    }
    if (!power_need_quorum(call)) {
        return;
    }
    if (strcmp(call_string(call, "target-storage", "1"), "1") != 0) {
        call_fault(call, "target-storage", "volumes stay on their storages");
        return;
    }
    if (power.managed) {
        const char *const argv[] = {"ha-manager", "migrate", power.guest->sid, target, NULL};
        power_task(call, &power, "hamigrate", argv);
        return;
    }
    if (power.running && power.is_container && !restarts) {
        call_refuse(call, CALL_STATUS_FAILED,
                    "CT is running: lxc live migration is currently not implemented");
        return;
    }
    const char *const argv[] = {"ha-guest", "migrate", power.guest->sid, target, NULL};
    power_task(call, &power, power.is_container ? "vzmigrate" : "qmigrate", argv);
}

// ---- The rows.

#define MAY_SWITCH_GUEST                                                                           \
    .access = METHOD_ACCESS_PRIVILEGE, .privilege = PRIVILEGE_VM_POWER_MGMT,                       \
    .access_path = "/vms/{vmid}"
#define PARAMETER_SKIPLOCK                                                                         \
    {                                                                                              \
        .name = "skiplock", .type = PARAMETER_TYPE_BOOLEAN,                                        \
        .description = "for clients that give it: locks are kept"                                  \
    }
#define PARAMETER_TIMEOUT                                                                          \
    {                                                                                              \
        .name = "timeout", .type = PARAMETER_TYPE_INTEGER, .has_minimum = true,                    \
        .has_maximum = true, .maximum = POWER_TIMEOUT_MAX_S, .default_text = "60",                 \
        .description = "seconds until it is stopped hard"                                          \
    }

static const struct parameter parameters_start[] = {PARAMETER_NODE, PARAMETER_VMID,
                                                    PARAMETER_SKIPLOCK};
static const struct parameter parameters_shutdown[] = {
    PARAMETER_NODE,
    PARAMETER_VMID,
    PARAMETER_TIMEOUT,
    {.name = "forceStop",
     .type = PARAMETER_TYPE_BOOLEAN,
     .default_text = "1",
     .description = "for clients that give it: it is always stopped after the timeout"}};
static const struct parameter parameters_reboot[] = {
    PARAMETER_NODE,
    PARAMETER_VMID,
    {.name = "timeout",
     .type = PARAMETER_TYPE_INTEGER,
     .has_minimum = true,
     .minimum = 1,
     .has_maximum = true,
     .maximum = POWER_TIMEOUT_MAX_S,
     .default_text = "60",
     .description = "seconds until it is stopped hard"}};
static const struct parameter parameters_migrate[] = {
    PARAMETER_NODE,
    PARAMETER_VMID,
    {.name = "target",
     .format = PARAMETER_FORMAT_NODE,
     .required = true,
     .description = "where it shall be"},
    {.name = "online",
     .type = PARAMETER_TYPE_BOOLEAN,
     .description = "although it runs: a machine moves while it does"},
    {.name = "restart",
     .type = PARAMETER_TYPE_BOOLEAN,
     .description = "although it runs: a container is stopped and started"},
    {.name = "timeout",
     .type = PARAMETER_TYPE_INTEGER,
     .has_minimum = true,
     .description = "for clients that give it: the stop has the usual one"},
    {.name = "with-local-disks",
     .type = PARAMETER_TYPE_BOOLEAN,
     .description = "for clients that give it: volumes must be on shared storages"},
    {.name = "target-storage", .description = "volumes stay where they are: only 1 is accepted"},
    {.name = "bwlimit",
     .type = PARAMETER_TYPE_INTEGER,
     .has_minimum = true,
     .description = "for clients that give it: a machine's own option counts"}};

#define SWITCHES(kind_, word_, parameters_, run_)                                                  \
    GUEST_METHOD(POST, kind_ "/{vmid}/status/" word_, parameters_, "string", run_),                \
        MAY_SWITCH_GUEST, .kind = METHOD_KIND_READ
#define METHODS_OF(kind_)                                                                          \
    {SWITCHES(kind_, "start", parameters_start, power_start),                                      \
     .description = "start it; under HA: set its state to started"},                               \
        {SWITCHES(kind_, "stop", parameters_start, power_stop), .description = "stop it hard"},    \
        {SWITCHES(kind_, "shutdown", parameters_shutdown, power_shutdown),                         \
         .description = "ask it to end, and stop it hard after the timeout"},                      \
        {SWITCHES(kind_, "reboot", parameters_reboot, power_reboot),                               \
         .description = "ask it to end, and start it again"},                                      \
    {                                                                                              \
        GUEST_METHOD(POST, kind_ "/{vmid}/migrate", parameters_migrate, "string", power_migrate),  \
            .access = METHOD_ACCESS_PRIVILEGE, .privilege = PRIVILEGE_VM_MIGRATE,                  \
            .access_path = "/vms/{vmid}", .kind = METHOD_KIND_READ,                                \
            .description = "move it to another node; under HA: ask the master to"                  \
    }

static const struct method methods[] = {METHODS_OF("lxc"), METHODS_OF("qemu")};

const struct method_table endpoints_guest_power = {methods, ARRAY_SIZE(methods)};
