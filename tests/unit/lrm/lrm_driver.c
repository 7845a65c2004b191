// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/lrm/lrm_driver.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/model/event.h"
#include "common/model/resources.h"

enum { DRIVER_ROUND_MS = 20 * 1000, DRIVER_NO_RESULT = -99 };

void driver_init(struct lrm_driver *driver, enum timing_profile profile, int64_t workers_max)
{
    *driver = (struct lrm_driver){0};
    driver->arena = arena_new();
    timing_get(profile, &driver->timing);
    driver->lrm = lrm_new(DRIVER_NODE, &driver->timing, workers_max);
    driver->now_ms = 1000 * 1000;
    driver->view_ok = true;
    driver->quorate = true;
    driver->readable = true;
    driver->manager = manager_status_new(driver->arena);
    map_init_arena(&driver->services, driver->arena);
    map_init_arena(&driver->resources, driver->arena);
    map_init_arena(&driver->codes, driver->arena);
    options_init(&driver->options);
    driver->lease_answer = LEASE_RENEWED;
    driver->term = 7;
    driver->watchdog_answer = 1;
    driver->status_answer = 1;
    driver->disarm_answer = 1;
    driver->note_answer = 1;
    driver->kill_result = WORKERS_KILLED_PROVEN;
    driver->authority_ms = driver->timing.authority_ms;
    driver_node_state(driver, NODE_STATE_ONLINE);
    struct lrm_output out;
    lrm_begin(driver->lrm, driver->arena, &out);
}

void driver_done(struct lrm_driver *driver)
{
    lrm_free(driver->lrm);
    strbuf_done(&driver->trace);
    arena_free(driver->arena);
}

static int driver_setup_profile(void **state, enum timing_profile profile, int64_t workers_max)
{
    struct lrm_driver *driver = alloc_zero(sizeof(*driver));
    driver_init(driver, profile, workers_max);
    *state = driver;
    return 0;
}

int driver_setup(void **state)
{
    return driver_setup_profile(state, TIMING_PROFILE_CLASSIC, 0);
}

int driver_setup_live(void **state)
{
    return driver_setup_profile(state, TIMING_PROFILE_BALANCED, 2);
}

int driver_teardown(void **state)
{
    driver_done(*state);
    free(*state);
    return 0;
}

struct service *driver_service(struct lrm_driver *driver, const char *sid, enum svc_state state,
                               const char *node)
{
    struct service *service = arena_new_of(driver->arena, struct service);
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t generation = 0;
    const struct service *before = map_find(&driver->services, sid);
    if (before != NULL) {
        generation = (size_t)(before->uid[0] - 'a') + 1;
        assert(generation < strlen(letters));
    }
    service->sid = arena_strdup(driver->arena, sid);
    service->state = state;
    service->node = arena_strdup(driver->arena, node);
    service->uid = arena_printf(driver->arena, "%c-%s", letters[generation], sid);
    service->timeout_s = SERVICE_TIMEOUT_NONE;
    map_put(&driver->services, sid, service);
    return service;
}

void driver_max_restart(struct lrm_driver *driver, const char *sid, int64_t max_restart)
{
    struct resource *resource = resource_new(driver->arena, sid);
    resource->max_restart = max_restart;
    map_put(&driver->resources, sid, resource);
}

static struct manager_node *driver_node(struct lrm_driver *driver)
{
    struct manager_node *node = map_find(&driver->manager->nodes, DRIVER_NODE);
    if (node == NULL) {
        node = arena_new_of(driver->arena, struct manager_node);
        map_put(&driver->manager->nodes, DRIVER_NODE, node);
    }
    return node;
}

void driver_node_state(struct lrm_driver *driver, enum node_state state)
{
    driver_node(driver)->state = state;
}

void driver_maintenance(struct lrm_driver *driver, bool requested)
{
    driver_node(driver)->maintenance_requested = requested;
}

void driver_code(struct lrm_driver *driver, const char *sid, int64_t code)
{
    map_put(&driver->codes, sid, arena_memdup(driver->arena, &code, sizeof(code)));
}

void driver_finish(struct lrm_driver *driver, const char *sid, const char *uid,
                   enum svc_state state, int64_t code)
{
    struct job_results *pending = &driver->pending;
    struct job_result *results =
        arena_array_of(driver->arena, struct job_result, pending->count + 1);
    if (pending->count > 0) {
        memcpy(results, pending->results, pending->count * sizeof(*results));
    }
    results[pending->count] = (struct job_result){.sid = arena_strdup(driver->arena, sid),
                                                  .uid = arena_strdup(driver->arena, uid),
                                                  .state = state,
                                                  .exit_code = code,
                                                  .reason = code != 0 ? "as the test wants" : NULL};
    pending->results = results;
    pending->count++;
}

static void driver_word(struct lrm_driver *driver, const char *word)
{
    if (driver->trace.size_bytes > 0) {
        strbuf_append_char(&driver->trace, ' ');
    }
    strbuf_append(&driver->trace, word);
}

static void driver_trace_event(struct lrm_driver *driver, const struct event *event)
{
    const char *from = event_find(event, "from");
    if (strcmp(event->name, "daemon-state") == 0) {
        driver_word(driver, arena_printf(driver->arena, "+%s>%s", from, event_find(event, "to")));
    } else {
        driver_word(driver, arena_printf(driver->arena, "+%s", event->name));
    }
}

static void driver_spawn(struct lrm_driver *driver, const struct job *job)
{
    driver->killed = WORKERS_KILLED_NONE;
    driver_word(driver, arena_printf(driver->arena, "spawn(%s %s%s%s)", job->sid,
                                     job->kill ? "kill" : svc_state_to_string(job->state),
                                     job->uid == NULL && !job->kill ? " shutdown" : "",
                                     job->heal ? " heal" : ""));
    const int64_t *code = map_find(&driver->codes, job->sid);
    if (!driver->hold) {
        driver_finish(driver, job->sid, job->uid, job->state,
                      code != NULL ? *code : LRM_CODE_SUCCESS);
    }
}

const char *driver_list(struct lrm_driver *driver, const struct workers_guests *guests)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < guests->count; i++) {
        strbuf_appendf(&text, "%s%s", i > 0 ? " " : "", guests->sids[i]);
    }
    return arena_strdup(driver->arena, strbuf_text(&text));
}

static void driver_act(struct lrm_driver *driver, const struct lrm_action *action,
                       struct lrm_input *answers)
{
    switch (action->kind) {
    case LRM_ACTION_EMIT:
        driver_trace_event(driver, action->event);
        return;
    case LRM_ACTION_ACQUIRE_LEASE:
        driver_word(driver, "acquire");
        answers->lease_answer = driver->lease_answer;
        answers->grant.term = driver->term;
        answers->grant.origin = driver->origin;
        answers->grant.authority_until_ms = driver->now_ms + driver->authority_ms;
        answers->grant.retry_at_ms = driver->now_ms + 1;
        return;
    case LRM_ACTION_ARM_WATCHDOG:
        driver_word(driver, "arm");
        answers->watchdog_answer = driver->watchdog_answer;
        return;
    case LRM_ACTION_SPAWN:
        driver_spawn(driver, &action->job);
        return;
    case LRM_ACTION_NOTE:
        driver_word(driver,
                    arena_printf(driver->arena, "note(%s)", driver_list(driver, &action->guests)));
        answers->note_answer = driver->note_answer;
        return;
    case LRM_ACTION_KILL:
        driver_word(driver, arena_printf(driver->arena, "kill(%s; %" PRId64 ")",
                                         driver_list(driver, &action->guests),
                                         action->deadline_ms - driver->now_ms));
        driver->killed = driver->kill_result;
        return;
    case LRM_ACTION_DISARM_WATCHDOG:
        driver_word(driver, "disarm");
        answers->disarm_answer = driver->disarm_answer;
        return;
    case LRM_ACTION_RELEASE_LEASE:
        driver_word(driver, "release");
        return;
    case LRM_ACTION_WRITE_STATUS:
        driver_word(driver, "status");
        answers->status_answer = driver->status_answer;
        return;
    case LRM_ACTION_MAX:
        break;
    }
    abort();
}

static struct lrm_input driver_input(struct lrm_driver *driver)
{
    return (struct lrm_input){.arena = driver->arena,
                              .now_ms = driver->now_ms,
                              .view_ok = driver->view_ok,
                              .quorate = driver->quorate,
                              .readable = driver->readable,
                              .manager = driver->manager,
                              .services = &driver->services,
                              .resources = &driver->resources,
                              .options = &driver->options,
                              .killed = driver->killed,
                              .killed_reason = driver->killed_reason};
}

void driver_round(struct lrm_driver *driver)
{
    strbuf_clear(&driver->trace);
    struct lrm_input input = driver_input(driver);
    input.begins = true;
    struct lrm_output out = {.again = true};
    for (size_t step = 0; out.again; step++) {
        assert(step < LRM_STEPS_MAX);
        input.finished = driver->pending;
        driver->pending = (struct job_results){0};
        lrm_step(driver->lrm, &input, &out);
        input = driver_input(driver);
        for (size_t i = 0; i < out.count; i++) {
            driver_act(driver, &out.actions[i], &input);
        }
    }
    driver->exit = out.exit;
    driver->next_wake_ms = out.next_wake_ms;
}

void driver_rounds(struct lrm_driver *driver, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        driver->now_ms += DRIVER_ROUND_MS;
        driver_round(driver);
    }
}

void driver_shutdown(struct lrm_driver *driver, enum lrm_shutdown how)
{
    strbuf_clear(&driver->trace);
    struct lrm_input input = driver_input(driver);
    struct lrm_output out;
    lrm_request_shutdown(driver->lrm, &input, how, &out);
    for (size_t i = 0; i < out.count; i++) {
        driver_act(driver, &out.actions[i], &input);
    }
}

void driver_reach(struct lrm_driver *driver, enum lrm_state state)
{
    bool wait = state == LRM_STATE_WAIT_FOR_AGENT_LOCK;
    if (!wait) {
        driver_service(driver, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    }
    driver_round(driver);
    if (state == LRM_STATE_MAINTENANCE) {
        driver_maintenance(driver, true);
        driver_rounds(driver, 1);
    } else if (state == LRM_STATE_LOST_AGENT_LOCK) {
        int before = driver->lease_answer;
        driver->lease_answer = LEASE_BUSY;
        driver->now_ms += driver->authority_ms;
        driver_rounds(driver, 1);
        driver->lease_answer = before;
    }
    assert(lrm_get_state(driver->lrm) == state);
    driver->now_ms += DRIVER_ROUND_MS;
}

const char *driver_trace(const struct lrm_driver *driver)
{
    return strbuf_text(&driver->trace);
}

bool driver_did(const struct lrm_driver *driver, const char *word)
{
    return strstr(driver_trace(driver), word) != NULL;
}

int64_t driver_result(struct lrm_driver *driver, const char *uid)
{
    map_each (e, lrm_get_results(driver->lrm)) {
        const struct lrm_result *result = e->value;
        if (strcmp(result->uid, uid) == 0) {
            return result->exit_code;
        }
    }
    return DRIVER_NO_RESULT;
}
