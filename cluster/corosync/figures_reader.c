// SPDX-License-Identifier: Apache-2.0
// Asking Corosync, in a process that may wait for it. It looks anew when it is asked, and when
// Corosync tells that votes or configuration have changed.
#include "cluster/corosync/figures_reader.h"

#include <assert.h>
#include <corosync/cfg.h>
#include <corosync/cmap.h>
#include <corosync/votequorum.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/replica.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/host/ipc.h"

enum {
    RETRY_MS = 20,      // Corosync is busy
    RECONNECT_MS = 200, // it does not run
    IDLE_MS = 60 * 1000,
};

struct reader {
    struct ipc_stream *stream;
    uint32_t self;
    votequorum_handle_t votes;
    cmap_handle_t map;
    bool has_votes, has_map;
    int votes_fd, map_fd;
    bool is_due; // something has changed
    bool nodes_are_due;
    bool is_busy; // Corosync could not answer just now
    uint64_t asked, answered;
    struct figures_answer answer;
    struct figures_node nodes[REPLICA_MEMBERS_MAX];
};

// ---- Callbacks of the libraries.

static struct reader *votes_reader(uint64_t context)
{
    return (struct reader *)(uintptr_t)context;
}

static void on_quorum(votequorum_handle_t handle, uint64_t context, uint32_t quorate,
                      uint32_t count, votequorum_node_t nodes[])
{
    (void)handle; // what changed is asked for
    (void)quorate;
    (void)count;
    (void)nodes;
    votes_reader(context)->is_due = true;
}

static void on_expected(votequorum_handle_t handle, uint64_t context, uint32_t expected)
{
    (void)handle; // what changed is asked for
    (void)expected;
    votes_reader(context)->is_due = true;
}

static void on_map(cmap_handle_t handle, cmap_track_handle_t track, int32_t event, const char *key,
                   struct cmap_notify_value new_value, struct cmap_notify_value old_value,
                   void *userdata)
{
    (void)handle; // many keys change at once: they are read when that is over
    (void)track;
    (void)event;
    (void)key;
    (void)new_value;
    (void)old_value;
    struct reader *reader = userdata;
    reader->is_due = true;
    reader->nodes_are_due = true;
}

// ---- The connection.

static void disconnect(struct reader *reader)
{
    // That a connection to a dead Corosync cannot be closed properly does not matter.
    if (reader->has_votes) {
        (void)votequorum_finalize(reader->votes);
    }
    if (reader->has_map) {
        (void)cmap_finalize(reader->map);
    }
    reader->has_votes = false;
    reader->has_map = false;
    reader->is_busy = false;
}

static cs_error_t connect_votes(struct reader *reader)
{
    votequorum_callbacks_t callbacks = {
        .votequorum_quorum_notify_fn = on_quorum,
        .votequorum_expectedvotes_notify_fn = on_expected,
    };
    cs_error_t rc = votequorum_initialize(&reader->votes, &callbacks);
    if (rc != CS_OK) {
        return rc;
    }
    reader->has_votes = true;
    rc = votequorum_trackstart(reader->votes, (uint64_t)(uintptr_t)reader, CS_TRACK_CHANGES);
    return rc == CS_OK ? votequorum_fd_get(reader->votes, &reader->votes_fd) : rc;
}

static cs_error_t connect_map(struct reader *reader)
{
    static const char *const prefixes[] = {"nodelist.", "quorum.", "totem.config_version",
                                           "runtime.config.totem."};
    int32_t kinds = CMAP_TRACK_ADD | CMAP_TRACK_DELETE | CMAP_TRACK_MODIFY | CMAP_TRACK_PREFIX;
    cs_error_t rc = cmap_initialize(&reader->map);
    reader->has_map = rc == CS_OK;
    for (size_t i = 0; rc == CS_OK && i < ARRAY_SIZE(prefixes); i++) {
        cmap_track_handle_t track;
        rc = cmap_track_add(reader->map, prefixes[i], kinds, on_map, reader, &track);
    }
    return rc == CS_OK ? cmap_fd_get(reader->map, &reader->map_fd) : rc;
}

static bool reader_connect(struct reader *reader, struct error *err)
{
    if (reader->has_votes && reader->has_map) {
        return true;
    }
    disconnect(reader);
    cs_error_t rc = connect_map(reader);
    const char *what = "configuration map";
    if (rc == CS_OK) {
        rc = connect_votes(reader);
        what = "vote service";
    }
    if (rc != CS_OK) {
        disconnect(reader);
        (void)error_set(err, -ENOTCONN, "cannot use its %s: Corosync's error %d", what, (int)rc);
        return false;
    }
    reader->is_due = true;
    reader->nodes_are_due = true;
    return true;
}

// Whatever was told: only that it was. A connection that breaks shows here, too.
static void reader_dispatch(struct reader *reader)
{
    if (!reader->has_votes || !reader->has_map) {
        return;
    }
    cs_error_t votes = votequorum_dispatch(reader->votes, CS_DISPATCH_ALL);
    cs_error_t map = cmap_dispatch(reader->map, CS_DISPATCH_ALL);
    if ((votes != CS_OK && votes != CS_ERR_TRY_AGAIN) ||
        (map != CS_OK && map != CS_ERR_TRY_AGAIN)) {
        disconnect(reader);
    }
}

// ---- Reading.

// "nodelist.node.<position>.<what>": 0 and both parts, or -EINVAL.
static int key_split(struct arena *arena, const char *key, const char **ret_position,
                     const char **ret_what)
{
    static const char prefix[] = "nodelist.node.";
    if (strncmp(key, prefix, sizeof(prefix) - 1) != 0) {
        return -EINVAL;
    }
    const char *position = key + sizeof(prefix) - 1;
    const char *dot = strchr(position, '.');
    if (dot == NULL) {
        return -EINVAL;
    }
    *ret_position = arena_memdup(arena, position, (size_t)(dot - position));
    *ret_what = dot + 1;
    return 0;
}

static void text_read(struct reader *reader, const char *key, char ret[FIGURES_NAME_MAX + 1])
{
    char *text = NULL;
    if (cmap_get_string(reader->map, key, &text) == CS_OK && strlen(text) <= FIGURES_NAME_MAX) {
        memcpy(ret, text, strlen(text) + 1);
    }
    free(text);
}

static void node_read(struct reader *reader, const char *key, const char *what,
                      struct figures_node *node)
{
    if (strcmp(what, "nodeid") == 0) {
        (void)cmap_get_uint32(reader->map, key, &node->id); // stays 0: then it is left out
    } else if (strcmp(what, "quorum_votes") == 0) {
        (void)cmap_get_uint32(reader->map, key, &node->votes); // stays 1
    } else if (strcmp(what, "name") == 0) {
        text_read(reader, key, node->name);
    } else if (strcmp(what, "ring0_addr") == 0) {
        text_read(reader, key, node->address);
    }
}

static void nodes_sort(struct reader *reader, struct arena *arena, const struct map *positions)
{
    struct map names;
    map_init_arena(&names, arena);
    map_each (e, positions) {
        struct figures_node *node = e->value;
        if (node->id != 0) {
            // An old configuration has no names.
            map_put(&names, node->name[0] != '\0' ? node->name : node->address, node);
        }
    }
    reader->answer.nodes_count = 0;
    map_each (e, &names) {
        if (reader->answer.nodes_count < REPLICA_MEMBERS_MAX) {
            struct figures_node *node = &reader->nodes[reader->answer.nodes_count++];
            *node = *(const struct figures_node *)e->value;
            memcpy(node->name, e->key, strlen(e->key) + 1);
        }
    }
}

static cs_error_t nodes_read(struct reader *reader)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    cmap_iter_handle_t iteration;
    cs_error_t rc = cmap_iter_init(reader->map, "nodelist.node.", &iteration);
    if (rc != CS_OK) {
        return rc;
    }
    struct map positions;
    map_init_arena(&positions, arena);
    char key[CMAP_KEYNAME_MAXLEN + 1];
    while ((rc = cmap_iter_next(reader->map, iteration, key, NULL, NULL)) == CS_OK) {
        const char *position;
        const char *what;
        if (key_split(arena, key, &position, &what) < 0) {
            continue;
        }
        struct figures_node *node = map_find(&positions, position);
        if (node == NULL) {
            node = arena_new_of(arena, struct figures_node);
            node->votes = 1;
            map_put(&positions, position, node);
        }
        node_read(reader, key, what, node);
    }
    (void)cmap_iter_finalize(reader->map, iteration); // a handle is only freed
    if (rc != CS_ERR_NO_SECTIONS) {
        return rc; // it broke off in the middle
    }
    nodes_sort(reader, arena, &positions);
    return CS_OK;
}

static cs_error_t configuration_read(struct reader *reader)
{
    cs_error_t rc = nodes_read(reader);
    if (rc != CS_OK) {
        return rc;
    }
    struct figures_answer *answer = &reader->answer;
    answer->token_ms = 0; // what is not there stays so
    answer->consensus_ms = 0;
    answer->config_version = 0;
    answer->device_timeout_ms = VOTEQUORUM_QDEVICE_DEFAULT_TIMEOUT;
    (void)cmap_get_uint32(reader->map, "runtime.config.totem.token", &answer->token_ms);
    (void)cmap_get_uint32(reader->map, "runtime.config.totem.consensus", &answer->consensus_ms);
    (void)cmap_get_uint64(reader->map, "totem.config_version", &answer->config_version);
    (void)cmap_get_uint32(reader->map, "quorum.device.timeout", &answer->device_timeout_ms);
    // As configured: among the expected votes whether the device is there or not.
    char *model = NULL;
    answer->device_votes = 0;
    if (cmap_get_string(reader->map, "quorum.device.model", &model) == CS_OK) {
        answer->device_votes = 1;
        (void)cmap_get_uint32(reader->map, "quorum.device.votes", &answer->device_votes);
    }
    free(model);
    return CS_OK;
}

static cs_error_t votes_read(struct reader *reader)
{
    struct figures_answer *answer = &reader->answer;
    struct votequorum_info info = {0};
    cs_error_t rc = votequorum_getinfo(reader->votes, reader->self, &info);
    if (rc != CS_OK) {
        return rc;
    }
    bool is_registered = (info.flags & VOTEQUORUM_INFO_QDEVICE_REGISTERED) != 0;
    bool is_cast = is_registered && (info.flags & VOTEQUORUM_INFO_QDEVICE_ALIVE) != 0 &&
                   (info.flags & VOTEQUORUM_INFO_QDEVICE_CAST_VOTE) != 0;
    answer->quorum = info.quorum;
    answer->expected = info.node_expected_votes;
    answer->highest_expected = info.highest_expected;
    answer->total = info.total_votes;
    answer->device_registered = is_registered ? 1 : 0;
    answer->device_cast = is_cast ? info.qdevice_votes : 0;
    return CS_OK;
}

// ---- Telling.

static int reader_send(struct reader *reader, const void *bytes, size_t size_bytes)
{
    int r = ipc_stream_send(reader->stream, bytes, size_bytes);
    while (r == 0 && ipc_stream_is_pending(reader->stream)) {
        r = ipc_stream_wait(reader->stream, FIGURES_TIMEOUT_MS) < 0
                ? -EPIPE
                : ipc_stream_flush(reader->stream);
    }
    return r;
}

static int reading_tell(struct reader *reader)
{
    struct {
        struct figures_answer answer;
        struct figures_node nodes[REPLICA_MEMBERS_MAX];
    } frame = {.answer = reader->answer};
    size_t nodes_bytes = reader->answer.nodes_count * sizeof(struct figures_node);
    reader->answered = reader->asked;
    frame.answer.kind = ANSWER_READING;
    frame.answer.request = reader->answered;
    memcpy(frame.nodes, reader->nodes, nodes_bytes);
    return reader_send(reader, &frame, sizeof(frame.answer) + nodes_bytes);
}

static int words_tell(struct reader *reader, struct figures_answer *answer, const char *words)
{
    if (words != NULL) {
        size_t length = strnlen(words, FIGURES_WORDS_MAX);
        memcpy(answer->words, words, length);
    }
    return reader_send(reader, answer, sizeof(*answer));
}

static int failure_tell(struct reader *reader, const char *words)
{
    if (reader->answered == reader->asked) {
        return 0; // nobody has asked
    }
    reader->answered = reader->asked;
    struct figures_answer answer = {.kind = ANSWER_FAILED, .request = reader->answered};
    return words_tell(reader, &answer, words);
}

// One attempt: the newest request is answered, unless Corosync is busy.
static int reader_read(struct reader *reader)
{
    struct error err = {0};
    if (!reader_connect(reader, &err)) {
        return failure_tell(reader, err.text);
    }
    if (!reader->is_due && reader->answered == reader->asked) {
        return 0;
    }
    cs_error_t rc = CS_OK;
    bool nodes_are_due = reader->nodes_are_due;
    reader->is_due = false; // what changes from here on is read once more
    reader->nodes_are_due = false;
    if (nodes_are_due) {
        rc = configuration_read(reader);
    }
    if (rc == CS_OK) {
        rc = votes_read(reader);
    }
    reader->is_busy = rc == CS_ERR_TRY_AGAIN;
    if (rc == CS_OK) {
        return reading_tell(reader);
    }
    reader->is_due = true;
    reader->nodes_are_due = nodes_are_due || reader->nodes_are_due;
    if (reader->is_busy) {
        return 0;
    }
    disconnect(reader);
    (void)error_set(&err, -EIO, "cannot be asked: Corosync's error %d", (int)rc);
    return failure_tell(reader, err.text);
}

// ---- Orders.

static cs_error_t expected_run(struct reader *reader, uint32_t votes, struct error *err)
{
    if (!reader_connect(reader, err)) {
        return CS_ERR_LIBRARY;
    }
    cs_error_t rc = votequorum_setexpected(reader->votes, votes);
    if (rc == CS_ERR_INVALID_PARAM) {
        (void)error_set(err, -EINVAL,
                        "Corosync refuses %u expected votes: more than the nodes have, or so few "
                        "that a part of those present would be a quorum",
                        votes);
    } else if (rc != CS_OK) {
        (void)error_set(err, -EIO, "Corosync refuses %u expected votes (error %d)", votes, (int)rc);
    }
    return rc;
}

static cs_error_t reload_run(struct error *err)
{
    corosync_cfg_handle_t handle;
    cs_error_t rc = corosync_cfg_initialize(&handle, NULL);
    if (rc == CS_OK) {
        rc = corosync_cfg_reload_config(handle);
        (void)corosync_cfg_finalize(handle); // rc tells how it went
    }
    if (rc == CS_ERR_INVALID_PARAM) {
        (void)error_set(err, -EINVAL, "Corosync refuses its new configuration file (see its log)");
    } else if (rc != CS_OK) {
        (void)error_set(err, -EIO, "cannot reload its configuration: Corosync's error %d", (int)rc);
    }
    return rc;
}

static int order_run(struct reader *reader, const struct figures_question *question)
{
    struct error err = {0};
    cs_error_t rc = question->kind == QUESTION_RELOAD ? reload_run(&err)
                                                      : expected_run(reader, question->votes, &err);
    struct figures_answer answer = {.kind = ANSWER_OUTCOME, .order = question->kind};
    reader->is_due = true;
    return words_tell(reader, &answer, rc == CS_OK ? NULL : err.text);
}

// Takes what was asked and ordered. -EPIPE: the daemon has closed its side.
static int reader_take(struct reader *reader)
{
    const char *frame;
    size_t size_bytes;
    int r = ipc_stream_fill(reader->stream);
    while (r == 0 && ipc_stream_next(reader->stream, &frame, &size_bytes, NULL) == 1) {
        struct figures_question question;
        assert(size_bytes == sizeof(question));
        memcpy(&question, frame, sizeof(question));
        if (question.kind == QUESTION_READ) {
            reader->asked = question.request;
        } else {
            r = order_run(reader, &question);
        }
    }
    return r;
}

// ---- The process.

static int wait_ms(const struct reader *reader)
{
    if (!reader->has_votes || !reader->has_map) {
        return RECONNECT_MS;
    }
    if (reader->is_busy) {
        return RETRY_MS;
    }
    return reader->is_due || reader->asked != reader->answered ? 0 : IDLE_MS;
}

int figures_reader_main(int fd, void *userdata)
{
    struct reader *reader = &(struct reader){
        .stream = ipc_stream_new(fd),
        .self = *(const uint32_t *)userdata,
    };
    int r = 0;
    while (r == 0) {
        bool is_connected = reader->has_votes && reader->has_map;
        struct pollfd fds[] = {
            {.fd = fd, .events = POLLIN},
            {.fd = is_connected ? reader->votes_fd : -1, .events = POLLIN},
            {.fd = is_connected ? reader->map_fd : -1, .events = POLLIN},
        };
        // Whatever ends it, signals and errors too: then all is looked at.
        ignore_result(poll(fds, ARRAY_SIZE(fds), wait_ms(reader)));
        r = fds[0].revents != 0 ? reader_take(reader) : 0;
        if (r == 0) {
            reader_dispatch(reader);
            r = reader_read(reader);
        }
    }
    return 0; // the daemon is gone, or wants no more
}
