// SPDX-License-Identifier: Apache-2.0
// The writing process and its parent's side.
//
// Frames to the process: 'B' begin (batch, epoch, last version, replace all) · 'R' row · 'E' end of
// the batch · 'L' label. Frames back: 'P' batch is durable · 'T' trouble (code, words) · 'S' space
// (low or not). Numbers are
// in the machine's own form: both ends are the same program.
#include "cluster/storage/store_writer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/statvfs.h>

#include "cluster/replica/replica.h"
#include "cluster/storage/store_file.h"
#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/companion.h"
#include "common/host/ipc.h"
#include "common/host/loop.h"

enum {
    STOP_TIMEOUT_MS = 10000,
    RETRY_MS = 1000,
    LOOK_MS = 2000,  // at the room that is left, and for something to do while nothing comes
    GROUP_MAX = 256, // batches in one transaction
};

struct batch_head {
    uint64_t batch, epoch, last_version;
    uint64_t replace_all; // 0 or 1
};

struct row_head {
    uint64_t version, key_bytes, value_bytes; // both with the NUL; value_bytes 0: deleted
};

// ---- The process.

struct writer_batch {
    struct batch_head head;
    struct strbuf rows; // row_head, key, value each
    char *label;        // instead of rows: the history
    bool complete;
};

struct writer_process {
    struct ipc_stream *stream;
    struct store_file *file;
    const char *path;
    bool low;                     // as told
    struct writer_batch *batches; // not durable yet, in order
    size_t count, capacity;
    bool troubled;
    struct error err;
};

static int process_send(struct writer_process *process, char kind, const void *number,
                        const char *text)
{
    struct strbuf frame CLEANUP(strbuf_done) = {0};
    strbuf_append_char(&frame, kind);
    strbuf_append_bytes(&frame, number, sizeof(uint64_t));
    strbuf_append(&frame, text);
    int r = ipc_stream_send(process->stream, frame.text, frame.size_bytes);
    while (r == 0 && ipc_stream_is_pending(process->stream)) {
        r = ipc_stream_wait(process->stream, INT32_MAX);
        r = r < 0 ? r : ipc_stream_flush(process->stream);
    }
    return r;
}

static int process_tell_trouble(struct writer_process *process, int64_t code)
{
    return process_send(process, 'T', &code, code < 0 ? process->err.text : "");
}

// Tells when the room that is left falls below the reserve, and when it is clearly above it again.
static int process_look(struct writer_process *process)
{
    struct statvfs fs;
    if (statvfs(process->path, &fs) < 0) {
        return 0; // whether it can be written will be seen
    }
    uint64_t room = (uint64_t)fs.f_bfree * fs.f_frsize; // root's, as we are
    uint64_t reserve = STORE_WRITER_RESERVE_BYTES;
    bool low = room < (process->low ? reserve + reserve / 4 : reserve);
    if (low == process->low) {
        return 0;
    }
    process->low = low;
    uint64_t word = low ? 1 : 0;
    return process_send(process, 'S', &word, "");
}

static int process_rows(struct writer_process *process, const struct strbuf *rows)
{
    size_t at = 0;
    while (at < rows->size_bytes) {
        struct row_head head;
        memcpy(&head, rows->text + at, sizeof(head));
        at += sizeof(head);
        struct replica_row row = {.key = rows->text + at, .version = head.version};
        at += head.key_bytes;
        if (head.value_bytes > 0) {
            row.value = rows->text + at;
            row.size_bytes = head.value_bytes - 1;
        }
        at += head.value_bytes;
        int r = store_file_put(process->file, &row, &process->err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

// How many batches from the first on may share its transaction.
static size_t process_group(const struct writer_process *process)
{
    size_t count = 1;
    while (count < process->count && count < GROUP_MAX) {
        const struct writer_batch *next = &process->batches[count];
        if (!next->complete || next->label != NULL || next->head.replace_all != 0) {
            break;
        }
        count++;
    }
    return count;
}

static void process_drop(struct writer_process *process, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        strbuf_done(&process->batches[i].rows);
        free(process->batches[i].label);
    }
    process->count -= count;
    memmove(process->batches, process->batches + count, process->count * sizeof(*process->batches));
}

static int process_commit(struct writer_process *process, size_t count)
{
    const struct batch_head *last = &process->batches[count - 1].head;
    int r =
        store_file_begin(process->file, process->batches[0].head.replace_all != 0, &process->err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = process_rows(process, &process->batches[i].rows);
    }
    if (r == 0) {
        r = store_file_commit(process->file, last->epoch, last->last_version, &process->err);
    }
    return r == 0 ? process_send(process, 'P', &last->batch, "") : r;
}

// Writes all complete batches. -ENOSPC leaves the rest where it is, to be tried again.
static int process_write(struct writer_process *process)
{
    while (process->count > 0 && process->batches[0].complete) {
        size_t count = process_group(process);
        const char *label = process->batches[0].label;
        int r = label != NULL ? store_file_label(process->file, label, &process->err)
                              : process_commit(process, count);
        if (r < 0) {
            return r;
        }
        process_drop(process, label != NULL ? 1 : count);
        if (process->troubled) {
            process->troubled = false;
            r = process_tell_trouble(process, 0);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

static struct writer_batch *process_batch_new(struct writer_process *process)
{
    if (process->count == process->capacity) {
        process->capacity = process->capacity == 0 ? 16 : process->capacity * 2;
        process->batches =
            alloc_resize(process->batches, process->capacity * sizeof(*process->batches));
    }
    struct writer_batch *batch = &process->batches[process->count++];
    *batch = (struct writer_batch){0};
    return batch;
}

static void process_frame(struct writer_process *process, const char *frame, size_t size_bytes)
{
    struct writer_batch *batch;
    switch (frame[0]) {
    case 'B':
        assert(size_bytes == 1 + sizeof(struct batch_head));
        batch = process_batch_new(process);
        memcpy(&batch->head, frame + 1, sizeof(batch->head));
        break;
    case 'R':
        assert(process->count > 0);
        batch = &process->batches[process->count - 1];
        assert(!batch->complete);
        strbuf_append_bytes(&batch->rows, frame + 1, size_bytes - 1);
        break;
    case 'E':
        assert(process->count > 0);
        process->batches[process->count - 1].complete = true;
        break;
    default:
        assert(frame[0] == 'L');
        batch = process_batch_new(process);
        batch->label = alloc_zero(size_bytes); // with a NUL in the kind's place
        memcpy(batch->label, frame + 1, size_bytes - 1);
        batch->complete = true;
        break;
    }
}

// Reads what has come; 0, or -EPIPE when the parent has closed its side.
static int process_read(struct writer_process *process)
{
    int end = ipc_stream_fill(process->stream);
    const char *frame;
    size_t size_bytes;
    int r;
    while ((r = ipc_stream_next(process->stream, &frame, &size_bytes, &process->err)) > 0) {
        process_frame(process, frame, size_bytes);
    }
    return r < 0 ? r : end;
}

// Waits for work, at most as long as there is other work to do. 0 or -errno.
static int process_wait(struct writer_process *process)
{
    bool retry = process->count > 0 && process->batches[0].complete;
    int r = ipc_stream_wait(process->stream, retry ? RETRY_MS : LOOK_MS);
    if (r == 0 && !retry) {
        store_file_rest(process->file);
    }
    return r < 0 ? r : process_look(process);
}

static int process_loop(struct writer_process *process)
{
    int r = process_look(process);
    bool ending = false;
    while (r == 0) {
        r = process_wait(process);
        if (r < 0) {
            return r;
        }
        r = process_read(process);
        ending = r == -EPIPE;
        if (ending || r == 0) {
            r = process_write(process);
        }
        if (r == -ENOSPC && !ending) {
            r = process->troubled ? 0 : process_tell_trouble(process, -ENOSPC);
            process->troubled = true;
        }
        if (ending) {
            return r;
        }
    }
    return r;
}

static int process_main(int fd, void *userdata)
{
    const char *path = userdata;
    struct writer_process process = {.stream = ipc_stream_new(fd), .path = path};
    int r = store_file_open(path, &process.file, &process.err);
    if (r == 0) {
        r = process_loop(&process);
    }
    if (r < 0 && r != -EPIPE) {
        // When the parent is gone there is nobody to tell; it has closed its side or died.
        ignore_result(process_tell_trouble(&process, r));
    }
    store_file_close(process.file);
    return r < 0 ? 1 : 0;
}

// ---- The parent's side.

struct store_writer {
    struct store_writer_callbacks callbacks;
    struct companion companion;
    struct ipc_stream *stream; // NULL: broken
    struct loop_source *io;
    char *path;
};

static void writer_break(struct store_writer *writer, int code, const char *words)
{
    loop_source_free(writer->io);
    writer->io = NULL;
    ipc_stream_free(writer->stream);
    writer->stream = NULL;
    writer->companion.fd = -1; // was the stream's
    writer->callbacks.trouble(writer->callbacks.userdata, code, words);
}

static void writer_frame(struct store_writer *writer, const char *frame, size_t size_bytes)
{
    assert(size_bytes >= 1 + sizeof(uint64_t));
    if (frame[0] == 'P') {
        uint64_t batch;
        memcpy(&batch, frame + 1, sizeof(batch));
        writer->callbacks.persisted(writer->callbacks.userdata, batch);
        return;
    }
    int64_t code;
    memcpy(&code, frame + 1, sizeof(code));
    if (frame[0] == 'S') {
        if (writer->callbacks.room != NULL) {
            writer->callbacks.room(writer->callbacks.userdata, code != 0);
        }
        return;
    }
    size_t words_bytes = size_bytes - 1 - sizeof(code);
    char *words CLEANUP(alloc_freep) = alloc_zero(words_bytes + 1);
    memcpy(words, frame + 1 + sizeof(code), words_bytes);
    if (code == 0 || code == -ENOSPC) {
        writer->callbacks.trouble(writer->callbacks.userdata, (int)code, words);
    } else {
        writer_break(writer, (int)code, words);
    }
}

static void writer_update(struct store_writer *writer)
{
    if (writer->stream != NULL) {
        uint32_t events = EPOLLIN;
        if (ipc_stream_is_pending(writer->stream)) {
            events |= EPOLLOUT;
        }
        loop_io_set_events(writer->io, events);
    }
}

static void writer_ready(void *userdata, uint32_t events)
{
    struct store_writer *writer = userdata;
    int r = 0;
    if ((events & EPOLLOUT) != 0) {
        r = ipc_stream_flush(writer->stream);
    }
    int end = ipc_stream_fill(writer->stream);
    while (writer->stream != NULL) {
        const char *frame;
        size_t size_bytes;
        if (ipc_stream_next(writer->stream, &frame, &size_bytes, NULL) <= 0) {
            break;
        }
        writer_frame(writer, frame, size_bytes);
    }
    if (writer->stream != NULL && (r < 0 || end < 0)) {
        writer_break(writer, -EPIPE, "the process that writes the database has ended");
    }
    writer_update(writer);
}

int store_writer_start(struct loop *loop, const char *path,
                       const struct store_writer_callbacks *callbacks, struct store_writer **ret,
                       struct error *err)
{
    struct store_writer *writer = alloc_zero(sizeof(*writer));
    writer->callbacks = *callbacks;
    writer->path = alloc_strdup(path);
    int r =
        companion_start("ha-clusterd-disk", process_main, writer->path, &writer->companion, err);
    if (r < 0) {
        free(writer->path);
        free(writer);
        return r;
    }
    writer->stream = ipc_stream_new(writer->companion.fd);
    ipc_stream_set_unbounded(writer->stream); // a slow disk must not lose what it has to write
    writer->io = loop_add_io(loop, writer->companion.fd, EPOLLIN, writer_ready, writer);
    *ret = writer;
    return 0;
}

void store_writer_stop(struct store_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    if (writer->stream != NULL) {
        // Some seconds for a disk that still works; what is not written then was not acknowledged.
        for (int i = 0; i < STOP_TIMEOUT_MS / 100 && ipc_stream_is_pending(writer->stream); i++) {
            if (ipc_stream_wait(writer->stream, 100) < 0 || ipc_stream_flush(writer->stream) < 0 ||
                ipc_stream_fill(writer->stream) < 0) {
                break;
            }
        }
        loop_source_free(writer->io);
        ipc_stream_free(writer->stream);
        writer->companion.fd = -1; // was the stream's
    }
    (void)companion_stop(&writer->companion, STOP_TIMEOUT_MS);
    free(writer->path);
    free(writer);
}

static void writer_send(struct store_writer *writer, const struct strbuf *frame)
{
    if (writer->stream == NULL) {
        return; // broken, and told so
    }
    if (ipc_stream_send(writer->stream, frame->text, frame->size_bytes) < 0) {
        writer_break(writer, -EPIPE, "the process that writes the database has ended");
    }
    writer_update(writer);
}

size_t store_writer_write(struct store_writer *writer, const struct replica_effect *effect)
{
    struct strbuf frame CLEANUP(strbuf_done) = {0};
    struct batch_head head = {
        .batch = effect->batch,
        .epoch = effect->epoch,
        .last_version = effect->last_version,
        .replace_all = effect->replace_all ? 1 : 0,
    };
    strbuf_append_char(&frame, 'B');
    strbuf_append_bytes(&frame, &head, sizeof(head));
    writer_send(writer, &frame);
    size_t size_bytes = frame.size_bytes;
    for (size_t i = 0; i < effect->rows_count; i++) {
        const struct replica_row *row = &effect->rows[i];
        struct row_head row_head = {
            .version = row->version,
            .key_bytes = strlen(row->key) + 1,
            .value_bytes = row->value != NULL ? row->size_bytes + 1 : 0,
        };
        strbuf_clear(&frame);
        strbuf_append_char(&frame, 'R');
        strbuf_append_bytes(&frame, &row_head, sizeof(row_head));
        strbuf_append_bytes(&frame, row->key, row_head.key_bytes);
        if (row->value != NULL) {
            strbuf_append_bytes(&frame, row->value, row->size_bytes);
            strbuf_append_char(&frame, '\0');
        }
        writer_send(writer, &frame);
        size_bytes += frame.size_bytes;
    }
    strbuf_clear(&frame);
    strbuf_append_char(&frame, 'E');
    writer_send(writer, &frame);
    return size_bytes;
}

void store_writer_label(struct store_writer *writer, const char *history)
{
    struct strbuf frame CLEANUP(strbuf_done) = {0};
    strbuf_append_char(&frame, 'L');
    strbuf_append(&frame, history);
    writer_send(writer, &frame);
}
