// SPDX-License-Identifier: Apache-2.0
// Prints events. What is worth an event, and its fields, is decided where it is made.
#include "common/host/event_output.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/host/event_forward.h"
#include "common/host/file.h"
#include "common/model/event.h"
#include "common/port/event_sink.h"

enum output_form { OUTPUT_FORM_TEXT, OUTPUT_FORM_JSON, OUTPUT_FORM_JOURNAL };

// The fields of an event and MESSAGE, PRIORITY, HA_EVENT, HA_AT, HA_SEQ.
enum { JOURNAL_FIELDS_MAX = EVENT_FIELDS_MAX + 5, DETACHED_LINE_MAX = 64 * 1024 };

struct event_output {
    struct event_sink sink; // first
    char *at;
    enum output_form form;
    int64_t seq;
    bool detached;
    struct event_forward forward;
};

// Standard error is the journal when the variable that the service manager sets is there
// (systemd.exec(5)).
static enum output_form form_choose(void)
{
    const char *log = secure_getenv("HA_MANAGER_LOG");
    if (log != NULL && strcmp(log, "json") == 0) {
        return OUTPUT_FORM_JSON;
    }
    return secure_getenv("JOURNAL_STREAM") != NULL ? OUTPUT_FORM_JOURNAL : OUTPUT_FORM_TEXT;
}

static int level_priority(enum event_level level)
{
    switch (level) {
    case EVENT_LEVEL_ERROR:
        return LOG_ERR;
    case EVENT_LEVEL_WARNING:
        return LOG_WARNING;
    case EVENT_LEVEL_NOTICE:
        return LOG_NOTICE;
    case EVENT_LEVEL_INFO:
    case EVENT_LEVEL_MAX:
        break;
    }
    return LOG_INFO;
}

static void stderr_write(struct strbuf *line)
{
    strbuf_append_char(line, '\n');
    ignore_result(file_write_all(STDERR_FILENO, line->text, line->size_bytes)); // nowhere else
}

static void emit_text(const struct event_output *output, const struct event *event)
{
    struct strbuf line CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&line, "%s: ", output->at);
    event_format_text(event, &line);
    stderr_write(&line);
}

static char *wall_time(struct arena *arena)
{
    struct timespec now;
    struct tm parts;
    char text[sizeof("YYYY-MM-DDTHH:MM:SS") + 16];
    if (clock_gettime(CLOCK_REALTIME, &now) < 0 || gmtime_r(&now.tv_sec, &parts) == NULL) {
        return arena_strdup(arena, "unknown");
    }
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    assert(n > 0);
    return arena_printf(arena, "%s.%06ldZ", text, now.tv_nsec / 1000);
}

static void emit_json(const struct event_output *output, const struct event *event)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *object = event_to_json(arena, event);
    json_put_string(object, "t", wall_time(arena));
    json_put_int(object, "seq", output->seq);
    json_put_string(object, "at", output->at);
    json_put_string(object, "level", event_level_to_string(event->level));
    struct strbuf line CLEANUP(strbuf_done) = {0};
    json_format(object, JSON_STYLE_COMPACT, &line);
    stderr_write(&line);
}

struct journal_fields {
    struct arena *arena;
    struct iovec fields[JOURNAL_FIELDS_MAX];
    int count;
};

static void journal_add(struct journal_fields *fields, char *text)
{
    assert(fields->count < JOURNAL_FIELDS_MAX);
    fields->fields[fields->count].iov_base = text;
    fields->fields[fields->count].iov_len = strlen(text);
    fields->count++;
}

// "HA_MAX_RESTART=" of "max-restart": the journal takes capitals, digits and underscores.
static char *journal_field(struct arena *arena, const struct event_field *field)
{
    char *text = field->type == EVENT_FIELD_TEXT
                     ? arena_printf(arena, "HA_%s=%s", field->key, field->text)
                     : arena_printf(arena, "HA_%s=%" PRId64, field->key, field->integer);
    for (char *c = text; *c != '='; c++) {
        *c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
    }
    return text;
}

static void emit_journal(const struct event_output *output, const struct event *event)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf message CLEANUP(strbuf_done) = {0};
    event_format_text(event, &message);
    struct journal_fields fields = {.arena = arena};
    journal_add(&fields, arena_printf(arena, "MESSAGE=%s", strbuf_text(&message)));
    journal_add(&fields, arena_printf(arena, "PRIORITY=%d", level_priority(event->level)));
    journal_add(&fields, arena_printf(arena, "HA_EVENT=%s", event->name));
    journal_add(&fields, arena_printf(arena, "HA_AT=%s", output->at));
    journal_add(&fields, arena_printf(arena, "HA_SEQ=%" PRId64, output->seq));
    for (size_t i = 0; i < event->fields_count; i++) {
        journal_add(&fields, journal_field(arena, &event->fields[i]));
    }
    if (sd_journal_sendv(fields.fields, fields.count) < 0) {
        emit_text(output, event);
    }
}

static void output_emit(struct event_sink *sink, const struct event *event)
{
    struct event_output *output = (struct event_output *)sink;
    if (output->detached) {
        event_emit(&output->forward.sink, event);
        return;
    }
    output->seq++;
    switch (output->form) {
    case OUTPUT_FORM_TEXT:
        emit_text(output, event);
        break;
    case OUTPUT_FORM_JSON:
        emit_json(output, event);
        break;
    case OUTPUT_FORM_JOURNAL:
        emit_journal(output, event);
        break;
    }
}

static const struct event_sink_ops output_ops = {.emit = output_emit};

struct event_output *event_output_new(const char *at)
{
    struct event_output *output = alloc_zero(sizeof(*output));
    output->sink.ops = &output_ops;
    output->at = alloc_strdup(at);
    output->form = form_choose();
    return output;
}

void event_output_free(struct event_output *output)
{
    if (output != NULL) {
        if (output->detached) {
            (void)close(output->forward.fd); // the child prints what is in the pipe and ends
        }
        free(output->at);
        free(output);
    }
}

void event_output_freep(struct event_output **output)
{
    event_output_free(*output);
}

struct event_sink *event_output_sink(struct event_output *output)
{
    return &output->sink;
}

int event_output_fd(const struct event_output *output)
{
    return output->detached ? output->forward.fd : -1;
}

static void detached_line(struct event_output *output, const char *text, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *line;
    struct event *event;
    if (json_parse(arena, text, size_bytes, &line, NULL) == 0 &&
        event_forward_parse(arena, line, &event, NULL) == 0 && event != NULL) {
        output_emit(&output->sink, event);
    }
}

// The child: prints line by line until its parent is gone.
NORETURN static void detached_run(struct event_output *output, int fd)
{
    FILE *stream = fdopen(fd, "re");
    char *line = alloc_zero(DETACHED_LINE_MAX);
    while (stream != NULL && fgets(line, DETACHED_LINE_MAX, stream) != NULL) {
        detached_line(output, line, strcspn(line, "\n"));
    }
    _exit(EXIT_SUCCESS);
}

int event_output_detach(struct event_output *output, struct error *err)
{
    assert(!output->detached);
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return error_set_errno(err, -errno, "cannot make a pipe for the log");
    }
    if (fcntl(fds[1], F_SETFL, O_NONBLOCK) < 0) {
        int r = -errno;
        (void)close(fds[0]);
        (void)close(fds[1]);
        return error_set_errno(err, r, "cannot set up the log's pipe");
    }
    pid_t pid = fork();
    if (pid < 0) {
        int r = -errno;
        (void)close(fds[0]);
        (void)close(fds[1]);
        return error_set_errno(err, r, "cannot fork a process for the log");
    }
    if (pid == 0) {
        (void)close(fds[1]);
        // Signals meant for the daemon are not for its log: what it says last is still to be
        // printed.
        (void)signal(SIGTERM, SIG_IGN);
        (void)signal(SIGINT, SIG_IGN);
        (void)prctl(PR_SET_NAME, "ha-log");
        detached_run(output, fds[0]);
    }
    (void)close(fds[0]);
    (void)signal(SIGPIPE, SIG_IGN); // the log may die, the daemon may not die of it
    event_forward_init(&output->forward, fds[1]);
    output->detached = true;
    return 0;
}
