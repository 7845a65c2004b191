// SPDX-License-Identifier: Apache-2.0
// The receiving side of a machine's live move.
//
// INV-1: its QEMU never goes on by itself. It is told to when the guest's record, freshly read in
// the quorate cluster, names this node and this very move; the sender has stopped the machine
// before it wrote that, and cannot take it back afterwards.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/host_clock.h"
#include "common/host/network.h"
#include "common/model/corosync_conf.h"
#include "common/model/event.h"
#include "common/model/guest.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "common/port/event_sink.h"
#include "common/port/store.h"
#include "lrm/agents/qmp_client.h"
#include "lrm/agents/vm_boot.h"
#include "lrm/agents/vm_link.h"
#include "lrm/agents/vm_move.h"
#include "lrm/agents/vm_offer.h"
#include "lrm/agents/vm_record.h"
#include "lrm/agents/vm_settle.h"
#include "lrm/agents/vm_task.h"

enum { RECEIVE_LOOK_MS = 100 };

struct receive {
    struct vm_task *task;
    struct qmp_client *qmp;
    struct vm_offer *offer;
    struct vm_arrival arrival;
};

// The master has ordered the move and not changed its mind: else nobody says that anything of it
// may be here.
static int receive_check_ordered(struct receive *receive, struct error *err)
{
    struct vm_task *task = receive->task;
    const char *sid = task->guest->sid;
    const struct store_entry *entry = NULL;
    struct service *service = NULL;
    int r = store_read_key(task->agent->store,
                           arena_printf(task->arena, STORE_PREFIX_SERVICE "%s", sid), task->arena,
                           &entry, err);
    if (r == 0 && entry != NULL) {
        r = service_parse(task->arena, sid, entry->value, entry->size_bytes, &service, err);
    }
    if (r < 0) {
        return r;
    }
    bool ordered = service != NULL && service->state == SVC_STATE_MIGRATE &&
                   service->target != NULL && strcmp(service->target, task->agent->node) == 0 &&
                   strcmp(service->node, receive->offer->source) == 0;
    return ordered ? 0 : error_set(err, -ECANCELED, "the master has not ordered this move");
}

static int receive_check_offer(struct receive *receive, struct error *err)
{
    struct vm_offer *offer = NULL;
    int r = vm_offer_read(receive->task, &offer, err);
    if (r == 0 && (offer == NULL || strcmp(offer->id, receive->offer->id) != 0)) {
        r = error_set(err, -ECANCELED, "the offer was withdrawn");
    }
    return r;
}

// 1: the record names this node and this move; 0: it is still the sender's; -ECANCELED: neither.
static int receive_look_record(struct receive *receive, struct error *err)
{
    struct guest *guest = NULL;
    uint64_t version = 0;
    int r = vm_record_read(receive->task, &guest, &version, err);
    if (r < 0) {
        return r;
    }
    if (strcmp(guest->node, receive->task->agent->node) == 0) {
        bool ours = guest->arrival != NULL && strcmp(guest->arrival, receive->offer->id) == 0;
        return ours ? 1 : error_set(err, -ECANCELED, "it came here by other means");
    }
    return strcmp(guest->node, receive->offer->source) == 0
               ? 0
               : error_set(err, -ECANCELED, "it belongs to node '%s' now", guest->node);
}

// The address by which the other nodes know this one.
static int receive_find_address(struct receive *receive, struct error *err)
{
    struct vm_task *task = receive->task;
    const struct store_entry *entry = NULL;
    struct corosync_conf *conf = NULL;
    char *address = NULL;
    int r = store_read_key(task->agent->store, STORE_KEY_COROSYNC, task->arena, &entry, err);
    if (r == 0 && entry != NULL) {
        r = corosync_conf_parse(task->arena, STORE_KEY_COROSYNC, entry->value, entry->size_bytes,
                                &conf, err);
    }
    if (r < 0) {
        return r;
    }
    const struct corosync_node *node =
        conf != NULL ? corosync_conf_find_node(conf, task->agent->node) : NULL;
    for (size_t i = 0; node != NULL && i < COROSYNC_LINKS_MAX; i++) {
        if (node->addresses[i] != NULL && network_is_local(node->addresses[i])) {
            receive->arrival.address = node->addresses[i];
            return 0;
        }
    }
    r = network_first_address(task->arena, &address, err);
    receive->arrival.address = address;
    return r;
}

// Whatever is here of it is no machine that runs: the record says that it is the sender's.
static int receive_make_room(struct receive *receive, struct error *err)
{
    int r = receive_look_record(receive, err);
    if (r != 0) {
        return r < 0 ? r : error_set(err, -EEXIST, "it has arrived already");
    }
    return vm_task_end_all(receive->task, VM_KILL_WAIT_MS, err);
}

static int receive_listen(struct receive *receive, struct error *err)
{
    struct vm_task *task = receive->task;
    struct json *arguments = json_new_object(task->arena);
    struct guest *definition = NULL;
    struct vm_link_state state;
    const char *text = receive->offer->definition;
    int r = guest_parse(task->arena, text, strlen(text), &definition, err);
    if (r == 0 && strcmp(definition->sid, task->guest->sid) != 0) {
        r = error_set(err, -EINVAL, "the definition is that of '%s'", definition->sid);
    }
    if (r == 0) {
        r = vm_boot_incoming(task, definition, receive->offer->kvm, receive->offer->id, err);
    }
    if (r == 0) {
        r = vm_task_connect(task, &receive->qmp, err);
    }
    if (r == 0) {
        r = vm_link_prepare(task, receive->qmp, receive->offer->secret, NULL, err);
    }
    if (r == 0) {
        json_put_string(arguments, "uri",
                        vm_link_uri(task->arena, receive->arrival.address, 0)); // a free port
        r = qmp_client_execute(receive->qmp, "migrate-incoming", arguments, VM_QMP_WAIT_MS,
                               task->arena, NULL, err);
    }
    if (r == 0) {
        r = vm_link_look(task, receive->qmp, &state, err);
    }
    if (r == 0) {
        receive->arrival.id = receive->offer->id;
        receive->arrival.port = state.port;
        r = vm_arrival_write(task, &receive->arrival, err);
    }
    return r;
}

// Until everything is here. A sender that has died may leave the connection open for ever.
static int receive_all(struct receive *receive, struct error *err)
{
    for (;;) {
        struct vm_link_state state;
        const char *event = NULL;
        int r = vm_link_look(receive->task, receive->qmp, &state, err);
        if (r == 0 && strcmp(state.status, "failed") == 0) {
            r = error_set(err, -EIO, "QEMU: %s", state.error != NULL ? state.error : "it failed");
        }
        if (r < 0 || strcmp(state.status, "completed") == 0) {
            return r;
        }
        r = qmp_client_wait(receive->qmp, RECEIVE_LOOK_MS, receive->task->arena, &event, err);
        r = r == 0 ? receive_check_offer(receive, err) : r;
        r = r == 0 ? receive_check_ordered(receive, err) : r;
        if (r < 0) {
            return r;
        }
    }
}

// Everything is here, and the sender is told so. From now on only the record counts: while it
// cannot be read nothing happens, however long that takes.
static int receive_wait_record(struct receive *receive, struct error *err)
{
    for (;;) {
        int r = receive_look_record(receive, err);
        if (r > 0) {
            return 0;
        }
        if (r == 0) {
            r = receive_check_offer(receive, err);
            // Withdrawn after it was given: the last look was a moment too early.
            if (r == -ECANCELED && receive_look_record(receive, NULL) > 0) {
                error_clear(err);
                return 0;
            }
        }
        if (r == -ECANCELED) {
            return r;
        }
        error_clear(err);
        host_sleep_ms(VM_POLL_MS);
    }
}

static int receive_run(struct receive *receive, struct error *err)
{
    int r = receive_check_ordered(receive, err);
    r = r == 0 ? receive_make_room(receive, err) : r;
    r = r == 0 ? receive_find_address(receive, err) : r;
    r = r == 0 ? receive_listen(receive, err) : r;
    r = r == 0 ? receive_all(receive, err) : r;
    if (r == 0) {
        receive->arrival.ready = true;
        r = vm_arrival_write(receive->task, &receive->arrival, err);
    }
    r = r == 0 ? receive_wait_record(receive, err) : r;
    return r == 0 ? vm_settle_go_on(receive->task, receive->qmp, err) : r;
}

static void receive_give_up(struct receive *receive, const struct error *reason)
{
    struct vm_task *task = receive->task;
    struct guest *guest = NULL;
    uint64_t version = 0;
    // The sender sees it sooner by this than by its connection.
    receive->arrival = (struct vm_arrival){.id = receive->offer->id, .error = reason->text};
    ignore_result(vm_arrival_write(task, &receive->arrival, NULL));
    // What the record names stays: the LRM starts it, and that goes on with what is here.
    bool ours = vm_record_read(task, &guest, &version, NULL) < 0 ||
                strcmp(guest->node, task->agent->node) == 0;
    if (!ours) {
        ignore_result(vm_task_end_all(task, VM_KILL_WAIT_MS, NULL)); // the LRM looks after it too
    }
}

static void receive_tell(struct vm_task *task, const char *from)
{
    if (task->agent->events != NULL) {
        struct event *event = event_new(task->arena, EVENT_LEVEL_NOTICE, "move-arrived");
        event_text(task->arena, event, "sid", task->guest->sid);
        event_text(task->arena, event, "from", from);
        event_emit(task->agent->events, event);
    }
}

int vm_move_receive(struct vm_task *task, struct error *err)
{
    struct receive receive = {.task = task};
    struct error reason = {0};
    int r = vm_offer_read(task, &receive.offer, err);
    if (r == 0 &&
        (receive.offer == NULL || strcmp(receive.offer->target, task->agent->node) != 0)) {
        r = error_set(err, -ENOENT, "nobody offers it to this node");
    }
    if (r < 0) {
        return r;
    }
    r = receive_run(&receive, &reason);
    if (receive.qmp != NULL) {
        vm_link_forget(task, receive.qmp);
        qmp_client_free(receive.qmp);
    }
    if (r < 0) {
        receive_give_up(&receive, &reason);
        return error_set(err, r, "%s", reason.text);
    }
    vm_arrival_remove(task);
    receive_tell(task, receive.offer->source);
    return 0;
}
