// SPDX-License-Identifier: Apache-2.0
// Commands for services: changes of the configuration, orders to the master, and the operator's own
// hand on guests.
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/model/command.h"
#include "common/model/guest.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/store_keys.h"
#include "sim/sim_command_internal.h"
#include "sim/sim_service.h"
#include "sim/world.h"

static const double SIM_SIZE_MIB = 1024.0 * 1024.0;

struct sim_service_command {
    struct sim_command *command;
    const char *sid;
    const char *what;
    const char **arguments;
    size_t count; // of arguments
    struct resource *resource;
    struct guest *guest;
};

static int sim_service_request(struct sim_service_command *s, struct error *err)
{
    struct sim_command *command = s->command;
    int r = resource_set(command->arena, s->resource, "state", s->what, err);
    if (r == 0) {
        sim_service_put(command->world, s->resource, s->guest);
    }
    return r;
}

static int sim_service_order_move(struct sim_service_command *s, struct error *err)
{
    const char *node = s->arguments[0];
    if (sim_world_find_node(s->command->world, node) == NULL) {
        return error_set(err, -EINVAL, "there is no node '%s'", node);
    }
    bool live = strcmp(s->what, "migrate") == 0;
    const struct command order = {
        .kind = live ? COMMAND_KIND_MIGRATE : COMMAND_KIND_RELOCATE, .sid = s->sid, .node = node};
    sim_command_enqueue(s->command, &order);
    return 0;
}

static int sim_service_order_stop(struct sim_service_command *s, struct error *err)
{
    int64_t timeout_s = 0;
    if (parse_int64(s->arguments[0], 0, INT32_MAX, &timeout_s) < 0) {
        return error_set(err, -EINVAL, "expected seconds, not '%s'", s->arguments[0]);
    }
    const struct command order = {.kind = COMMAND_KIND_STOP, .sid = s->sid, .timeout_s = timeout_s};
    sim_command_enqueue(s->command, &order);
    return 0;
}

static int sim_service_add(struct sim_service_command *s, struct error *err)
{
    struct sim_command *command = s->command;
    const char *node = s->arguments[0];
    const char *state = s->count > 1 ? s->arguments[1] : "started";
    bool running = false;
    if (sim_world_find_node(command->world, node) == NULL) {
        return error_set(err, -EINVAL, "there is no node '%s'", node);
    }
    if (s->count > 2 && parse_bool(s->arguments[2], &running) < 0) {
        return error_set(err, -EINVAL, "expected 0 or 1, not '%s'", s->arguments[2]);
    }
    struct resource *resource = resource_new(command->arena, s->sid);
    int r = resource_set(command->arena, resource, "state", state, err);
    if (r < 0) {
        return r;
    }
    sim_service_put(command->world, resource, guest_new(command->arena, s->sid, node));
    sim_guests_set(&command->world->guests, node, s->sid, running);
    struct sim_node *place = sim_world_find_node(command->world, node);
    if (command->world->timing.profile == TIMING_PROFILE_CLASSIC) {
        // As for all that runs there: see sim_watchdog_port_guard().
        sim_guests_guard_node(&command->world->guests, node, place->lrm.armed);
    }
    return 0;
}

static int sim_service_delete(struct sim_service_command *s, struct error *err)
{
    (void)err; // never fails
    sim_guests_disown(&s->command->world->guests, s->sid);
    sim_service_remove(s->command->world, s->sid);
    return 0;
}

static int sim_service_lock(struct sim_service_command *s, struct error *err)
{
    (void)err; // never fails
    bool lock = strcmp(s->what, "lock") == 0;
    const char *name = s->count > 0 ? s->arguments[0] : "backup";
    s->guest->lock = lock ? name : NULL;
    sim_service_put(s->command->world, s->resource, s->guest);
    return 0;
}

// The guest ends by itself. Where rounds follow changes, its LRM hears of it at once.
static int sim_service_crash(struct sim_service_command *s, struct error *err)
{
    struct sim_world *world = s->command->world;
    const char *place = s->guest->node;
    struct sim_node *node = sim_world_find_node(world, place);
    if (!sim_guests_runs(&world->guests, place, s->sid)) {
        return error_set(err, -EINVAL, "it does not run on '%s'", place);
    }
    sim_guests_set(&world->guests, place, s->sid, false);
    if (world->timing.profile != TIMING_PROFILE_CLASSIC && node->lrm.lrm != NULL) {
        lrm_round_note_guest_exit(node->lrm.lrm, s->sid);
        node->lrm.next_wake_ms = world->now_ms;
    }
    return 0;
}

// An operator may move a guest himself only where HA does not look after it.
static int sim_service_manual_migrate(struct sim_service_command *s, struct error *err)
{
    struct sim_world *world = s->command->world;
    const char *node = s->arguments[0];
    const char *text = sim_store_find(&world->store, STORE_KEY_MANAGER_STATUS);
    struct manager_status *status = NULL;
    if (sim_world_find_node(world, node) == NULL) {
        return error_set(err, -EINVAL, "there is no node '%s'", node);
    }
    if (text != NULL) {
        int r = manager_status_parse(s->command->arena, text, strlen(text), &status, err);
        if (r < 0) {
            return r;
        }
    }
    bool suspended = status != NULL && status->disarm == DISARM_MODE_IGNORE;
    if (s->resource->state != REQUEST_STATE_IGNORED && !suspended) {
        return error_set(
            err, -EINVAL,
            "the service is under HA: it is neither ignored nor is HA disarmed with 'ignore'");
    }
    s->guest->node = node;
    sim_guests_disown(&world->guests, s->sid);
    sim_service_put(world, s->resource, s->guest);
    return 0;
}

// [<cpu> <number>] [<mem> <MiB>]
static int sim_service_set_sizes(struct sim_service_command *s, const char *cpu, const char *mem,
                                 bool is_static, struct error *err)
{
    struct sim_sizes *sizes = sim_service_sizes(s->command->world, s->sid);
    if (s->count % 2 != 0 || s->count == 0) {
        return error_set(err, -EINVAL, "expected '%s <cores>' and '%s <MiB>' after '%s'", cpu, mem,
                         s->what);
    }
    for (size_t i = 0; i < s->count; i += 2) {
        double value = 0;
        bool is_cpu = strcmp(s->arguments[i], cpu) == 0;
        if (!is_cpu && strcmp(s->arguments[i], mem) != 0) {
            return error_set(err, -EINVAL, "expected '%s' or '%s', not '%s'", cpu, mem,
                             s->arguments[i]);
        }
        if (parse_double(s->arguments[i + 1], &value) < 0 || value < 0) {
            return error_set(err, -EINVAL, "'%s': expected a number, not '%s'", s->arguments[i],
                             s->arguments[i + 1]);
        }
        if (is_cpu) {
            *(is_static ? &sizes->maxcpu : &sizes->cpu) = value;
        } else {
            *(is_static ? &sizes->maxmem : &sizes->mem) = value * SIM_SIZE_MIB;
        }
    }
    return 0;
}

static int sim_service_set_static(struct sim_service_command *s, struct error *err)
{
    return sim_service_set_sizes(s, "maxcpu", "maxmem", true, err);
}

static int sim_service_set_dynamic(struct sim_service_command *s, struct error *err)
{
    return sim_service_set_sizes(s, "cpu", "mem", false, err);
}

struct sim_service_verb {
    const char *name;
    size_t arguments_min, arguments_max;
    bool is_new; // the service must not exist; else it must
    int (*run)(struct sim_service_command *s, struct error *err);
};

static const struct sim_service_verb sim_service_verbs[] = {
    {"started", 0, 0, false, sim_service_request},
    {"disabled", 0, 0, false, sim_service_request},
    {"stopped", 0, 0, false, sim_service_request},
    {"ignored", 0, 0, false, sim_service_request},
    {"migrate", 1, 1, false, sim_service_order_move},
    {"relocate", 1, 1, false, sim_service_order_move},
    {"stop", 1, 1, false, sim_service_order_stop},
    {"add", 1, 3, true, sim_service_add},
    {"delete", 0, 0, false, sim_service_delete},
    {"lock", 0, 1, false, sim_service_lock},
    {"unlock", 0, 1, false, sim_service_lock},
    {"crash", 0, 0, false, sim_service_crash},
    {"manual-migrate", 1, 1, false, sim_service_manual_migrate},
    {"set-static-stats", 2, 4, false, sim_service_set_static},
    {"set-dynamic-stats", 2, 4, false, sim_service_set_dynamic},
};

int sim_command_service(struct sim_command *command, struct error *err)
{
    struct sim_service_command s = {.command = command,
                                    .sid = command->words[1],
                                    .what = command->words[2],
                                    .arguments = command->words + 3,
                                    .count = command->count - 3};
    const struct sim_service_verb *verb = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(sim_service_verbs); i++) {
        if (strcmp(s.what, sim_service_verbs[i].name) == 0) {
            verb = &sim_service_verbs[i];
        }
    }
    int r = sim_service_check_sid(s.sid, err);
    if (r < 0) {
        return r;
    }
    if (verb == NULL || s.count < verb->arguments_min || s.count > verb->arguments_max) {
        return error_set(err, -EINVAL,
                         verb == NULL ? "unknown word '%s'" : "wrong number of words after '%s'",
                         s.what);
    }
    r = sim_service_get(command->world, command->arena, s.sid, &s.resource, &s.guest, err);
    if (verb->is_new && r == 0) {
        return error_set(err, -EINVAL, "the service exists already");
    }
    if (!verb->is_new && r < 0) {
        return r == -ENOENT ? error_set(err, -EINVAL, "there is no such service") : r;
    }
    error_clear(err);
    return verb->run(&s, err);
}
