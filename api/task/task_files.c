// SPDX-License-Identifier: Apache-2.0
// Reading and writing the files of tasks.
#include "api/task/task_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/call/upid.h"
#include "api/task/task_list.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"
#include "common/base/utf8.h"
#include "common/host/file.h"

enum {
    INDEX_MAX_BYTES = 8 * 1024 * 1024,
    SUBFOLDERS = 16,
    // What is shown of one line: an endless one would be no line of a log.
    LINE_MAX_BYTES = 4096,
    // The log's own end comes after what the task may write.
    LOG_READ_MAX_BYTES = TASK_LOG_MAX_BYTES + 64 * 1024,
};

#define DIED_WORDS "ha-execd ended while the task was running"

int task_files_prepare(const char *folder, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *parent = arena_printf(arena, "%.*s", (int)(strrchr(folder, '/') - folder), folder);
    int r = file_make_directory(parent, 0755, err);
    if (r == 0) {
        r = file_make_directory(folder, 0700, err);
    }
    for (unsigned i = 0; r == 0 && i < SUBFOLDERS; i++) {
        r = file_make_directory(arena_printf(arena, "%s/%X", folder, i), 0700, err);
    }
    return r;
}

char *task_files_log_path(struct arena *arena, const char *folder, const char *upid)
{
    struct upid parsed;
    int64_t start_s = upid_parse(arena, upid, &parsed, NULL) == 0 ? parsed.start_s : 0;
    return arena_printf(arena, "%s/%X/%s", folder, (unsigned)(start_s & (SUBFOLDERS - 1)), upid);
}

static char *index_path(struct arena *arena, const char *folder)
{
    return arena_printf(arena, "%s/index", folder);
}

static char *active_path(struct arena *arena, const char *folder)
{
    return arena_printf(arena, "%s/active", folder);
}

// A file that is not there is empty.
static int text_read(struct arena *arena, const char *path, size_t size_max, char **ret,
                     size_t *ret_size_bytes, struct error *err)
{
    struct error problem = {0};
    int r = file_read(arena, path, size_max, ret, ret_size_bytes, &problem);
    if (r == -ENOENT) {
        *ret = arena_strdup(arena, "");
        *ret_size_bytes = 0;
        return 0;
    }
    return r < 0 ? error_set(err, r, "%s", problem.text) : 0;
}

int task_files_read_index(struct arena *arena, const char *folder, struct task_entries *ret,
                          struct error *err)
{
    char *text;
    size_t size;
    int r = text_read(arena, index_path(arena, folder), INDEX_MAX_BYTES, &text, &size, err);
    if (r == 0) {
        task_index_parse(arena, text, size, ret);
    }
    return r;
}

static int text_append(const char *path, const char *text, struct error *err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot open '%s'", path);
    }
    int r = file_write_all(fd, text, strlen(text));
    if (close(fd) < 0 && r == 0) {
        r = -errno;
    }
    return r < 0 ? error_set_errno(err, r, "cannot write '%s'", path) : 0;
}

// Whether the file ends in the middle of a line; one that cannot be looked at is let be.
static bool file_is_torn(const char *path)
{
    char last = '\n';
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        off_t size = lseek(fd, 0, SEEK_END);
        if (size > 0 && pread(fd, &last, 1, size - 1) != 1) {
            last = '\n';
        }
        (void)close(fd); // only read from
    }
    return last != '\n';
}

int task_files_end(const char *folder, const char *upid, int64_t end_s, const char *status,
                   struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *log = task_files_log_path(arena, folder, upid);
    const char *index = index_path(arena, folder);
    const char *line = task_index_line(arena, upid, end_s, status);
    // The index has the status with blanks for what would break a line; the log's end says the
    // same.
    const char *words = strchr(strchr(line, ' ') + 1, ' ') + 1;
    bool good = strcmp(status, "OK") == 0 || strncmp(status, "WARNINGS: ", 10) == 0;
    struct error problem = {0};
    int r = text_append(log,
                        arena_printf(arena, "%sTASK %s%s", file_is_torn(log) ? "\n" : "",
                                     good ? "" : "ERROR: ", words),
                        &problem);
    int index_r =
        text_append(index, arena_printf(arena, "%s%s", file_is_torn(index) ? "\n" : "", line), err);
    return index_r < 0 || r == 0 ? index_r : error_set(err, r, "%s", problem.text);
}

int task_files_trim(const char *folder, const struct task_entries *entries, size_t keep,
                    struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf text CLEANUP(strbuf_done) = {0};
    size_t drop = entries->count > keep ? entries->count - keep : 0;
    for (size_t i = drop; i < entries->count; i++) {
        const struct task_entry *entry = &entries->entries[i];
        strbuf_append(&text, task_index_line(arena, entry->name, entry->end_s, entry->status));
    }
    int r = file_replace(index_path(arena, folder), strbuf_text(&text), text.size_bytes, 0600, err);
    for (size_t i = 0; r == 0 && i < drop; i++) {
        // One that is gone already is what is wanted.
        (void)unlink(task_files_log_path(arena, folder, entries->entries[i].name));
    }
    return r;
}

int task_files_write_active(const char *folder, const char *const *upids, size_t count,
                            struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf text CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < count; i++) {
        strbuf_appendf(&text, "%s\n", upids[i]);
    }
    return file_replace(active_path(arena, folder), strbuf_text(&text), text.size_bytes, 0600, err);
}

int task_files_recover(const char *folder, int64_t now_s, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct task_entries ended;
    struct map known;
    char *text;
    size_t size;
    map_init_arena(&known, arena);
    int r = task_files_read_index(arena, folder, &ended, err);
    if (r == 0) {
        r = text_read(arena, active_path(arena, folder), INDEX_MAX_BYTES, &text, &size, err);
    }
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < ended.count; i++) {
        map_put(&known, ended.entries[i].name, NULL);
    }
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        struct upid upid;
        *end = '\0';
        if (upid_parse(arena, line, &upid, NULL) == 0 && !map_has(&known, line)) {
            r = task_files_end(folder, line, now_s, DIED_WORDS, err);
        }
        if (r < 0) {
            return r;
        }
    }
    return task_files_write_active(folder, NULL, 0, err);
}

// A line of a program's output as it may stand in JSON and on a page.
static const char *line_clean(struct arena *arena, const char *line, size_t length)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    size_t at = 0;
    length = length > LINE_MAX_BYTES ? LINE_MAX_BYTES : length;
    while (at < length) {
        size_t bytes = utf8_length(line + at, length - at);
        unsigned char c = (unsigned char)line[at];
        if (bytes == 0 || (c < ' ' && c != '\t') || c == 0x7f) {
            if (c != '\r') {
                strbuf_append_char(&text, '?');
            }
            at++;
        } else {
            strbuf_append_bytes(&text, line + at, bytes);
            at += bytes;
        }
    }
    return arena_strdup(arena, strbuf_text(&text));
}

static struct json *log_line(struct arena *arena, int64_t number, const char *text)
{
    struct json *line = json_new_object(arena);
    json_put_int(line, "n", number);
    json_put_string(line, "t", text);
    return line;
}

int task_files_read_log(struct arena *arena, const char *folder, const char *upid, int64_t start,
                        int64_t limit, struct json **ret, int64_t *ret_total, struct error *err)
{
    char *text;
    size_t size;
    int r = text_read(arena, task_files_log_path(arena, folder, upid), LOG_READ_MAX_BYTES, &text,
                      &size, err);
    if (r < 0) {
        return r;
    }
    struct json *list = json_new_array(arena);
    int64_t total = 0;
    size_t at = 0;
    while (at < size) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end != NULL ? (size_t)(end - (text + at)) : size - at;
        if (total >= start && total - start < limit) {
            json_append(list, log_line(arena, total + 1, line_clean(arena, text + at, length)));
        }
        total++;
        at += length + 1;
    }
    if (total == 0) {
        total = 1;
        json_append(list, log_line(arena, 1, "no content"));
    }
    *ret = list;
    *ret_total = total;
    return 0;
}

const char *task_files_last_line(struct arena *arena, const char *folder, const char *upid)
{
    char *text;
    size_t size;
    if (text_read(arena, task_files_log_path(arena, folder, upid), LOG_READ_MAX_BYTES, &text, &size,
                  NULL) < 0) {
        return "";
    }
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == ' ')) {
        size--;
    }
    size_t start = size;
    while (start > 0 && text[start - 1] != '\n') {
        start--;
    }
    return line_clean(arena, text + start, size - start);
}
