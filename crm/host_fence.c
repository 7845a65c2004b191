// SPDX-License-Identifier: Apache-2.0
// Orders to fence devices in processes of their own, and the trials. Which node is fenced by which
// device when, and what a result proves, is decided by the CRM's core.
//
// A child tells its parent by lines on a pipe: the order's {"result":{"off","evidence"}}, the
// trials' events (event_forward.h) and {"next":{"in_s"}}.
#include "crm/host_fence.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"
#include "common/host/cluster_client.h"
#include "common/host/event_forward.h"
#include "common/host/fence_agent.h"
#include "common/host/fence_trial.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/host/process.h"
#include "common/model/event.h"
#include "common/model/fence_config.h"
#include "common/model/manager_status.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "common/port/fence.h"
#include "common/port/membership.h"
#include "common/port/store.h"

enum {
    // Beyond the device's own times: connecting, reading, ending an agent that hangs.
    ORDER_MARGIN_MS = 10 * 1000,
    OUTPUT_MAX = 64 * 1024,
    // A new master has more urgent things to do first.
    TRIAL_FIRST_MS = 1000,
    TRIAL_AGAIN_MS = 60 * 1000, // after trials that could not be made
};

struct order {
    struct host_fence *fence;
    struct arena *arena; // holds all of it
    struct fence_device *device;
    const char *node;
    const char *key;
    struct process *process;
    int64_t start_ms;
    bool has_result;
    bool off;
    const char *evidence;
};

// An order that ended, until it is collected.
struct ended {
    struct ended *next;
    char *node;
    char *device;
    enum fence_verdict verdict;
    char *evidence;
    int64_t took_ms;
};

struct host_fence {
    struct fence port; // first
    struct loop *loop;
    struct clock clock;
    struct cluster_client *client;
    void (*on_result)(void *userdata);
    void *userdata;
    struct map orders; // "<device>/<node>" → struct order *
    struct ended *first_ended;
    struct ended **last_ended;

    bool is_master;
    uint64_t config_version; // that the trials know
    struct event_sink *events;
    struct process *trials;
    struct loop_source *trials_timer;
    int64_t trials_next_s; // as the child said; -1: never
    bool trials_done;      // it said so
    bool trials_again;     // the configuration changed while one ran
};

// --- The children's side. ---

static int line_write(struct arena *arena, int fd, const char *name, struct json *body)
{
    struct json *line = json_new_object(arena);
    json_put(line, name, body);
    struct strbuf text CLEANUP(strbuf_done) = {0};
    json_format(line, JSON_STYLE_COMPACT, &text);
    strbuf_append_char(&text, '\n');
    return file_write_all(fd, text.text, text.size_bytes) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

// An order is for the quorate part only, and after a delay the world may be another one: the node
// may have come back, or its fencing may be done.
static int order_check(struct arena *arena, const struct order *order,
                       struct cluster_client *client, struct error *err)
{
    struct member_list members;
    int r = membership_get(cluster_client_membership(client), arena, &members, err);
    if (r == 0 && !members.quorate) {
        r = error_set(err, -EHOSTDOWN, "not ordered: this node has no quorum");
    }
    if (r < 0 || order->device->delay_s == 0) {
        return r;
    }
    struct store_entries entries;
    struct manager_status *status = NULL;
    r = store_read(cluster_client_store(client), STORE_KEY_MANAGER_STATUS, 0, arena, &entries, err);
    if (r == 0 && entries.count > 0 && entries.entries[0].value != NULL) {
        r = manager_status_parse(arena, entries.entries[0].value, entries.entries[0].size_bytes,
                                 &status, err);
    }
    const struct manager_node *node = status != NULL ? map_find(&status->nodes, order->node) : NULL;
    if (r == 0 && (node == NULL || node->state != NODE_STATE_FENCE)) {
        r = error_set(
            err, -ECANCELED,
            "not ordered: after the delay of %lld s the node was not to be fenced any more",
            (long long)order->device->delay_s);
    }
    return r;
}

static int order_carry_out(struct arena *arena, const struct order *order,
                           const char **ret_evidence, struct error *err)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    struct map secrets;
    map_init_arena(&secrets, arena);
    if (order->device->delay_s > 0) {
        host_sleep_ms(order->device->delay_s * 1000);
    }
    int r = cluster_client_connect(&client, err);
    if (r == 0) {
        r = order_check(arena, order, client, err);
    }
    if (r == 0) {
        r = fence_secrets_read(cluster_client_store(client), arena, order->device->name, &secrets,
                               err);
    }
    if (r < 0) {
        return r;
    }
    struct fence_answer answer;
    r = fence_agent_off(arena, order->device, &secrets, order->node, &answer, err);
    *ret_evidence = answer.words;
    return r;
}

static int order_main(void *userdata, int output_fd)
{
    const struct order *order = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct error err = {0};
    const char *evidence = "";
    int r = order_carry_out(arena, order, &evidence, &err);
    struct json *result = json_new_object(arena);
    json_put_bool(result, "off", r == FENCE_POWER_OFF);
    json_put_string(result, "evidence", r < 0 ? err.text : evidence);
    return line_write(arena, output_fd, "result", result);
}

static void trial_tell(struct arena *arena, struct event_sink *events, const char *device,
                       const struct fence_record *record)
{
    struct event *event = event_new(arena, record->passed ? EVENT_LEVEL_INFO : EVENT_LEVEL_WARNING,
                                    "fence-self-test");
    event_text(arena, event, "device", device);
    event_text(arena, event, "result", record->passed ? "passed" : "failed");
    event_text(arena, event, "reason", record->passed ? NULL : record->reason);
    event_emit(events, event_int(event, "took_ms", record->took_ms));
}

// Tries the device when its last trial is old enough. *next_s becomes the time until its next one
// when that is sooner.
static int trial_of(struct arena *arena, struct cluster_client *client,
                    const struct fence_device *device, int64_t interval_s,
                    struct event_sink *events, int64_t *next_s, struct error *err)
{
    struct store *store = cluster_client_store(client);
    struct clock clock;
    host_clock_init(&clock);
    struct fence_record record;
    bool known = false;
    int r = fence_record_read(store, arena, device->name, &record, &known, err);
    int64_t age_s = known ? clock_wall_s(&clock) - record.wall_s : interval_s;
    int64_t left_s = age_s >= 0 && age_s < interval_s ? interval_s - age_s : 0;
    if (r == 0 && left_s == 0) {
        struct map secrets;
        struct fence_trial trial;
        map_init_arena(&secrets, arena);
        r = fence_secrets_read(store, arena, device->name, &secrets, err);
        if (r == 0) {
            fence_trial_run(arena, device, &secrets, cluster_client_membership(client), &trial);
            record = (struct fence_record){.by = cluster_client_node(client, arena),
                                           .passed = trial.passed,
                                           .reason = trial.reason,
                                           .took_ms = trial.took_ms,
                                           .wall_s = clock_wall_s(&clock)};
            trial_tell(arena, events, device->name, &record);
            r = fence_record_write(store, arena, device->name, &record, err);
        }
        left_s = interval_s;
    }
    *next_s = *next_s < 0 || left_s < *next_s ? left_s : *next_s;
    return r;
}

static int trials_main(void *userdata, int output_fd)
{
    (void)userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    struct fence_config *config = NULL;
    struct event_forward events;
    event_forward_init(&events, output_fd);
    int64_t next_s = -1;
    int r = cluster_client_connect(&client, NULL);
    if (r == 0) {
        r = fence_config_read(cluster_client_store(client), arena, &config, NULL, NULL);
    }
    if (r < 0) {
        return EXIT_FAILURE;
    }
    map_each (e, &config->devices) {
        const struct fence_device *device = e->value;
        if (!device->disabled && config->self_test_interval_s > 0 && r == 0) {
            r = trial_of(arena, client, device, config->self_test_interval_s, &events.sink, &next_s,
                         NULL);
        }
    }
    struct json *next = json_new_object(arena);
    json_put_int(next, "in_s", next_s);
    return r < 0 ? EXIT_FAILURE : line_write(arena, output_fd, "next", next);
}

// --- Orders, the CRM's side. ---

static void order_free(void *value)
{
    struct order *order = value;
    process_free(order->process);
    arena_free(order->arena);
}

static void ended_free(struct ended *ended)
{
    free(ended->node);
    free(ended->device);
    free(ended->evidence);
    free(ended);
}

static void ended_add(struct host_fence *fence, const struct order *order,
                      enum fence_verdict verdict, const char *evidence)
{
    struct ended *ended = alloc_zero(sizeof(*ended));
    ended->node = alloc_strdup(order->node);
    ended->device = alloc_strdup(order->device->name);
    ended->verdict = verdict;
    ended->evidence = alloc_strdup(evidence);
    ended->took_ms = clock_now_ms(&fence->clock) - order->start_ms;
    *fence->last_ended = ended;
    fence->last_ended = &ended->next;
    fence->on_result(fence->userdata);
}

static void order_line(void *userdata, const char *line, size_t size_bytes)
{
    struct order *order = userdata;
    struct json *json;
    bool off = false;
    if (json_parse(order->arena, line, size_bytes, &json, NULL) < 0) {
        return;
    }
    const struct json *result = json_find(json, "result");
    const char *evidence = json_find_string(result, "evidence");
    if (evidence != NULL && json_get_bool_if(result, "off", &off, NULL) == 0) {
        order->has_result = true;
        order->off = off;
        order->evidence = evidence;
    }
}

static void order_ended(void *userdata, const struct process_end *end)
{
    struct order *order = userdata;
    struct host_fence *fence = order->fence;
    bool orderly = WIFEXITED(end->wait_status) && WEXITSTATUS(end->wait_status) == EXIT_SUCCESS;
    if (orderly && order->has_result) {
        ended_add(fence, order, order->off ? FENCE_VERDICT_OFF : FENCE_VERDICT_FAILED,
                  order->evidence);
    } else {
        ended_add(fence, order, FENCE_VERDICT_FAILED,
                  end->timed_out ? "the order was killed after its time was over"
                                 : "the order's process ended without a result");
    }
    (void)map_remove(&fence->orders, order->key); // frees the order; it was there
}

static int fence_port_start(struct fence *port, const struct fence_device *device, const char *node,
                            struct error *err)
{
    struct host_fence *fence = (struct host_fence *)port;
    struct arena *arena = arena_new();
    struct order *order = arena_new_of(arena, struct order);
    *order = (struct order){
        .fence = fence,
        .arena = arena,
        .device = fence_device_copy(arena, device),
        .node = arena_strdup(arena, node),
        .key = arena_printf(arena, "%s/%s", device->name, node),
        .start_ms = clock_now_ms(&fence->clock),
    };
    if (map_has(&fence->orders, order->key)) {
        int r = error_set(err, -EEXIST, "device '%s' is switching node '%s' off already",
                          device->name, node);
        arena_free(arena);
        return r;
    }
    const struct process_spec spec = {
        .main = order_main,
        .main_userdata = order,
        .name = "ha-fence",
        .timeout_ms = (device->delay_s + device->timeout_s) * 1000 + ORDER_MARGIN_MS,
        .output_max_bytes = OUTPUT_MAX,
        .line = order_line,
        .ended = order_ended,
        .userdata = order,
    };
    struct error reason = {0};
    if (process_spawn(fence->loop, &fence->clock, &spec, &order->process, &reason) < 0) {
        ended_add(fence, order, FENCE_VERDICT_FAILED, reason.text);
        order_free(order);
        return 0;
    }
    map_put(&fence->orders, order->key, order);
    return 0;
}

static void fence_port_collect(struct fence *port, struct arena *arena, struct fence_results *ret)
{
    struct host_fence *fence = (struct host_fence *)port;
    size_t count = 0;
    for (const struct ended *ended = fence->first_ended; ended != NULL; ended = ended->next) {
        count++;
    }
    struct fence_result *results = arena_array_of(arena, struct fence_result, count);
    for (size_t i = 0; i < count; i++) {
        struct ended *ended = fence->first_ended;
        fence->first_ended = ended->next;
        results[i] = (struct fence_result){
            .node = arena_strdup(arena, ended->node),
            .device = arena_strdup(arena, ended->device),
            .verdict = ended->verdict,
            .evidence = arena_strdup(arena, ended->evidence),
            .took_ms = ended->took_ms,
        };
        ended_free(ended);
    }
    fence->last_ended = &fence->first_ended;
    *ret = (struct fence_results){results, count};
}

// INV-10: nobody is to be hit by what was ordered before it came back. An agent that has begun may
// have done its work already; one that waits has not.
static void fence_port_cancel(struct fence *port, const char *node)
{
    struct host_fence *fence = (struct host_fence *)port;
    size_t i = 0;
    while (i < fence->orders.count) {
        const struct order *order = fence->orders.entries[i].value;
        if (strcmp(order->node, node) != 0) {
            i++;
            continue;
        }
        ended_add(fence, order, FENCE_VERDICT_FAILED, "ended, since the node is back");
        (void)map_remove(&fence->orders, order->key); // kills and frees the order; it was there
    }
}

static const struct fence_ops host_fence_ops = {
    .start = fence_port_start,
    .collect = fence_port_collect,
    .cancel = fence_port_cancel,
};

// --- Trials, the CRM's side. ---

static void trials_line(void *userdata, const char *line, size_t size_bytes)
{
    struct host_fence *fence = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *json;
    struct event *event = NULL;
    if (json_parse(arena, line, size_bytes, &json, NULL) < 0) {
        return;
    }
    if (event_forward_parse(arena, json, &event, NULL) == 0 && event != NULL) {
        event_emit(fence->events, event);
    }
    const struct json *next = json_find(json, "next");
    if (next != NULL &&
        json_get_int(next, "in_s", -1, FENCE_SELF_TEST_MAX_S, &fence->trials_next_s, NULL) == 0) {
        fence->trials_done = true;
    }
}

static void trials_ended(void *userdata, const struct process_end *end)
{
    (void)end; // what it said last is all that counts
    struct host_fence *fence = userdata;
    process_free(fence->trials);
    fence->trials = NULL;
    int64_t now_ms = clock_now_ms(&fence->clock);
    if (fence->trials_again) {
        loop_timer_set(fence->trials_timer, now_ms);
    } else if (!fence->trials_done) {
        loop_timer_set(fence->trials_timer, now_ms + TRIAL_AGAIN_MS);
    } else if (fence->trials_next_s >= 0) {
        loop_timer_set(fence->trials_timer, now_ms + fence->trials_next_s * 1000);
    }
}

static void trials_due(void *userdata)
{
    struct host_fence *fence = userdata;
    fence->trials_again = fence->is_master && fence->trials != NULL;
    if (!fence->is_master || fence->trials != NULL) {
        return; // the one that runs sets the timer when it ends
    }
    const struct process_spec spec = {
        .main = trials_main,
        .main_userdata = fence,
        .name = "ha-fence-test",
        .output_max_bytes = OUTPUT_MAX,
        .line = trials_line,
        .ended = trials_ended,
        .userdata = fence,
    };
    fence->trials_done = false;
    if (process_spawn(fence->loop, &fence->clock, &spec, &fence->trials, NULL) < 0) {
        loop_timer_set(fence->trials_timer, clock_now_ms(&fence->clock) + TRIAL_AGAIN_MS);
    }
}

void host_fence_self_test(struct host_fence *fence, struct event_sink *events, bool is_master)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct store_entries entries;
    bool was_master = fence->is_master;
    fence->events = events;
    fence->is_master = is_master;
    if (!is_master) {
        loop_timer_clear(fence->trials_timer);
        return;
    }
    if (store_read(cluster_client_store(fence->client), STORE_KEY_FENCE, 0, arena, &entries, NULL) <
        0) {
        return;
    }
    uint64_t version = STORE_ABSENT;
    for (size_t i = 0; i < entries.count; i++) {
        version = strcmp(entries.entries[i].key, STORE_KEY_FENCE) == 0 ? entries.entries[i].version
                                                                       : version;
    }
    bool news = !was_master || version != fence->config_version;
    fence->config_version = version;
    if (news && version != STORE_ABSENT) {
        // The child finds out whether anything is to be done.
        loop_timer_set(fence->trials_timer, clock_now_ms(&fence->clock) + TRIAL_FIRST_MS);
    }
}

struct host_fence *host_fence_new(struct loop *loop, struct cluster_client *client,
                                  void (*on_result)(void *userdata), void *userdata)
{
    struct host_fence *fence = alloc_zero(sizeof(*fence));
    fence->port.ops = &host_fence_ops;
    fence->loop = loop;
    fence->client = client;
    fence->on_result = on_result;
    fence->userdata = userdata;
    fence->last_ended = &fence->first_ended;
    fence->config_version = STORE_ABSENT;
    host_clock_init(&fence->clock);
    map_init(&fence->orders, order_free);
    fence->trials_timer = loop_add_timer(loop, trials_due, fence);
    return fence;
}

void host_fence_free(struct host_fence *fence)
{
    if (fence == NULL) {
        return;
    }
    map_done(&fence->orders);
    process_free(fence->trials);
    loop_source_free(fence->trials_timer);
    while (fence->first_ended != NULL) {
        struct ended *ended = fence->first_ended;
        fence->first_ended = ended->next;
        ended_free(ended);
    }
    free(fence);
}

struct fence *host_fence_port(struct host_fence *fence)
{
    return &fence->port;
}
