// SPDX-License-Identifier: Apache-2.0
// The sending side of a machine's moves.
#include "lrm/agents/vm_move.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/host_clock.h"
#include "common/model/event.h"
#include "common/model/guest.h"
#include "common/port/event_sink.h"
#include "lrm/agents/qmp_client.h"
#include "lrm/agents/service_task.h"
#include "lrm/agents/vm_config.h"
#include "lrm/agents/vm_link.h"
#include "lrm/agents/vm_offer.h"
#include "lrm/agents/vm_record.h"
#include "lrm/agents/vm_settle.h"
#include "lrm/agents/vm_task.h"
#include "lrm/agents/volume.h"

enum {
    LIVE_ARRIVAL_WAIT_MS = 30 * 1000, // for the other side to be ready; it may have to take a lease
    LIVE_READY_WAIT_MS = 10 * 1000,   // for its word that it has everything
    LIVE_STALL_MS = 60 * 1000,
    LIVE_TIME_MAX_MS = 3600 * 1000,
    LIVE_TELL_MS = 2000,
    LIVE_LOOK_MS = 100,
    LIVE_MIB = 1024 * 1024,
};

int vm_move_check(struct vm_task *task, struct error *err)
{
    struct vm_config *config = NULL;
    if (task->agent->lease_term == 0) {
        return error_set(err, -EPERM, "this node does not hold its agent lease");
    }
    int r = vm_config_parse(task->arena, task->guest, &config, err);
    for (size_t i = 0; r == 0 && i < config->disks_count; i++) {
        const struct vm_disk *disk = &config->disks[i];
        const char *path = NULL;
        bool shared = true;
        if (disk->volume != NULL) {
            r = volume_resolve(task->arena, task->agent->store, disk->volume, &path, &shared, err);
        }
        if (r == 0 && !shared) {
            r = error_set(err, -EXDEV, "%s: '%s' is on a storage that is not shared", disk->key,
                          disk->volume);
        }
    }
    return r;
}

int vm_move_offline(struct vm_task *task, const char *target, struct error *err)
{
    return vm_record_give(task, target, NULL, err);
}

// --- Live. ---

struct live {
    struct vm_task *task;
    struct qmp_client *qmp;
    struct vm_config *config; // as the machine was started
    struct vm_offer offer;
    struct vm_arrival arrival;
    int64_t began_ms;
    int64_t told_ms;     // progress
    int64_t moved_at_ms; // when more had been sent than before
    int64_t sent_bytes;
    int64_t paused_ms; // since when it stands still
};

static void live_tell(struct live *live, const char *name, const struct vm_link_state *state)
{
    struct vm_task *task = live->task;
    if (task->agent->events == NULL) {
        return;
    }
    struct event *event = event_new(task->arena, EVENT_LEVEL_INFO, name);
    event_text(task->arena, event, "sid", task->guest->sid);
    event_text(task->arena, event, "to", live->offer.target);
    event_int(event, "sent_mib", state->sent_bytes / LIVE_MIB);
    event_int(event, "left_mib", state->left_bytes / LIVE_MIB);
    if (live->paused_ms != 0) {
        event_int(event, "took_ms", service_now_ms() - live->began_ms);
        event_int(event, "downtime_ms", service_now_ms() - live->paused_ms);
    }
    event_emit(task->agent->events, event);
}

// Reads the receiver's answer to this very offer; false: there is none yet.
static int live_look_arrival(struct live *live, bool *ret_there, struct error *err)
{
    struct vm_arrival *arrival = NULL;
    *ret_there = false;
    int r = vm_arrival_read(live->task, &arrival, err);
    if (r < 0 || arrival == NULL || strcmp(arrival->id, live->offer.id) != 0) {
        return r;
    }
    if (arrival->error != NULL) {
        return error_set(err, -EREMOTEIO, "node '%s': %s", live->offer.target, arrival->error);
    }
    live->arrival = *arrival;
    *ret_there = true;
    return 0;
}

// The offer is withdrawn to cancel the move, by whoever wants that.
static int live_check_wanted(struct live *live, struct error *err)
{
    struct vm_offer *offer = NULL;
    int r = vm_offer_read(live->task, &offer, err);
    if (r == 0 && (offer == NULL || strcmp(offer->id, live->offer.id) != 0)) {
        r = error_set(err, -ECANCELED, "the move was cancelled");
    }
    return r;
}

static int live_wait_arrival(struct live *live, bool ready, int64_t timeout_ms, struct error *err)
{
    int64_t until_ms = service_now_ms() + timeout_ms;
    for (;;) {
        bool there = false;
        int r = live_look_arrival(live, &there, err);
        if (r == 0 && !ready) {
            r = live_check_wanted(live, err);
        }
        if (r < 0 || (there && (ready ? live->arrival.ready : live->arrival.port > 0))) {
            return r;
        }
        if (service_now_ms() >= until_ms) {
            return error_set(err, -ETIMEDOUT, "node '%s' does not %s", live->offer.target,
                             ready ? "say that it has received all" : "get ready to receive it");
        }
        host_sleep_ms(VM_POLL_MS);
    }
}

static int live_make_offer(struct live *live, const char *target, struct error *err)
{
    struct vm_task *task = live->task;
    struct vm_note note;
    struct guest *definition = NULL;
    int r = vm_task_read_note(task, &note, err);
    if (r == 0) {
        r = guest_parse(task->arena, note.definition, strlen(note.definition), &definition, err);
    }
    if (r == 0) {
        r = vm_config_parse(task->arena, definition, &live->config, err);
    }
    if (r == 0) {
        live->offer = (struct vm_offer){.source = task->agent->node,
                                        .target = target,
                                        .definition = note.definition,
                                        .kvm = note.kvm};
        r = vm_offer_fill(task, &live->offer, err);
    }
    return r < 0 ? r : vm_offer_write(task, &live->offer, err);
}

static int live_begin(struct live *live, struct error *err)
{
    struct vm_task *task = live->task;
    struct json *arguments = json_new_object(task->arena);
    int r = vm_task_connect(task, &live->qmp, err);
    if (r == 0) {
        r = vm_link_prepare(task, live->qmp, live->offer.secret, live->config, err);
    }
    if (r == 0) {
        json_put_string(arguments, "uri",
                        vm_link_uri(task->arena, live->arrival.address, live->arrival.port));
        r = qmp_client_execute(live->qmp, "migrate", arguments, VM_QMP_WAIT_MS, task->arena, NULL,
                               err);
    }
    return r;
}

// The machine stands still and its last memory is about to be sent. It is let go only while this
// node could also complete the move: without quorum it would stand still for nothing.
static int live_switch_over(struct live *live, struct error *err)
{
    struct vm_task *task = live->task;
    struct json *arguments = json_new_object(task->arena);
    struct guest *guest = NULL;
    uint64_t version = 0;
    live->paused_ms = service_now_ms();
    int r = vm_record_read(task, &guest, &version, err);
    if (r == 0) {
        r = service_check_place(guest, task->agent->node, err);
    }
    if (r == 0) {
        r = live_check_wanted(live, err);
    }
    if (r < 0) {
        return r;
    }
    json_put_string(arguments, "state", "pre-switchover");
    return qmp_client_execute(live->qmp, "migrate-continue", arguments, VM_QMP_WAIT_MS, task->arena,
                              NULL, err);
}

static int live_check_progress(struct live *live, const struct vm_link_state *state,
                               struct error *err)
{
    int64_t now_ms = service_now_ms();
    if (state->sent_bytes != live->sent_bytes) {
        live->sent_bytes = state->sent_bytes;
        live->moved_at_ms = now_ms;
    }
    if (now_ms - live->moved_at_ms > LIVE_STALL_MS) {
        return error_set(err, -ETIMEDOUT, "nothing was sent for %d s", LIVE_STALL_MS / 1000);
    }
    if (now_ms - live->began_ms > LIVE_TIME_MAX_MS) {
        return error_set(err, -ETIMEDOUT, "it changes faster than it can be sent");
    }
    if (now_ms - live->told_ms >= LIVE_TELL_MS) {
        live->told_ms = now_ms;
        live_tell(live, "move-progress", state);
    }
    return 0;
}

// Until all is sent.
static int live_send(struct live *live, struct error *err)
{
    bool there = false;
    live->told_ms = service_now_ms();
    live->moved_at_ms = live->told_ms;
    for (;;) {
        struct vm_link_state state;
        const char *event = NULL;
        int r = vm_link_look(live->task, live->qmp, &state, err);
        if (r < 0 || strcmp(state.status, "completed") == 0) {
            return r;
        }
        if (strcmp(state.status, "failed") == 0 || strcmp(state.status, "cancelled") == 0) {
            return error_set(err, -EIO, "QEMU: %s",
                             state.error != NULL ? state.error : state.status);
        }
        if (strcmp(state.status, "pre-switchover") == 0) {
            r = live_switch_over(live, err);
        } else if (live->paused_ms == 0) {
            r = live_check_progress(live, &state, err);
            r = r == 0 ? live_check_wanted(live, err) : r;
            r = r == 0 ? live_look_arrival(live, &there, err) : r;
        } else if (service_now_ms() - live->paused_ms > LIVE_STALL_MS) {
            r = error_set(err, -ETIMEDOUT, "its last part cannot be sent");
        }
        if (r == 0) {
            r = qmp_client_wait(live->qmp, LIVE_LOOK_MS, live->task->arena, &event, err);
        }
        if (r < 0) {
            return r;
        }
    }
}

// Whether the record names the receiver of this move.
static bool live_is_given(struct live *live)
{
    struct guest *guest = NULL;
    uint64_t version = 0;
    return vm_record_read(live->task, &guest, &version, NULL) == 0 &&
           strcmp(guest->node, live->offer.target) == 0 && guest->arrival != NULL &&
           strcmp(guest->arrival, live->offer.id) == 0;
}

// INV-1: from here on the record decides, and it is written once.
static int live_hand_over(struct live *live, struct error *err)
{
    int r = live_wait_arrival(live, true, LIVE_READY_WAIT_MS, err);
    return r < 0 ? r : vm_record_give(live->task, live->offer.target, live->offer.id, err);
}

// The machine goes on here, if that can be had. Returns 0 when the move has taken effect after all.
static int live_give_up(struct live *live, int reason, struct error *err)
{
    struct error problem = {0};
    int r = live->qmp != NULL ? vm_settle_take_back(live->task, live->qmp, &problem) : 0;
    if (r == 0) {
        return reason;
    }
    if (r == -EXDEV && live_is_given(live)) {
        error_clear(err);
        return 0;
    }
    return error_prefix(err, "it stands still (%s), because", problem.text);
}

int vm_move_live(struct vm_task *task, const char *target, struct error *err)
{
    struct live live = {.task = task, .began_ms = service_now_ms()};
    struct vm_link_state sent = {0};
    int r = live_make_offer(&live, target, err);
    if (r < 0) {
        return r;
    }
    r = live_wait_arrival(&live, false, LIVE_ARRIVAL_WAIT_MS, err);
    if (r == 0) {
        r = live_begin(&live, err);
    }
    if (r == 0) {
        r = live_send(&live, err);
    }
    if (r == 0) {
        r = live_hand_over(&live, err);
    }
    if (r < 0) {
        r = live_give_up(&live, r, err);
    }
    if (live.qmp != NULL) {
        ignore_result(vm_link_look(task, live.qmp, &sent, NULL)); // for the figures
        vm_link_forget(task, live.qmp);
    }
    qmp_client_free(live.qmp);
    if (r == 0) {
        live_tell(&live, "moved-live", &sent);
        r = vm_task_quit(task, err); // INV-2: nothing of it is left here
    }
    vm_offer_remove(task, live.offer.id);
    return r;
}
