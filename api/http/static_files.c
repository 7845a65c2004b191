// SPDX-License-Identifier: Apache-2.0
// Files of the dashboard with what browsers are to be told of them.
#include "api/http/static_files.h"

#include <assert.h>
#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/http/compression.h"
#include "api/http/http_connection.h"
#include "api/http/parse/api_answer.h"
#include "api/http/parse/http_response.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/host/file.h"

// Nothing from elsewhere, nothing inline, in no other page's frame.
#define SECURITY_HEADERS                                                                           \
    "Cache-Control: no-cache\r\n"                                                                  \
    "Content-Security-Policy: default-src 'self'; object-src 'none'; base-uri 'none'; "            \
    "form-action 'self'; frame-ancestors 'none'\r\n"                                               \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "X-Frame-Options: DENY\r\n"                                                                    \
    "Referrer-Policy: no-referrer\r\n"

struct static_file {
    const char *type;
    const char *text;
    size_t size_bytes;
    const char *zipped; // NULL: not worth it
    size_t zipped_bytes;
    const char *tag; // without quotes
};

struct static_files {
    struct arena *arena;
    struct map files; // path → struct static_file
    size_t users;     // answers under way, and the owner
};

static const char *type_of(const char *path)
{
    static const struct {
        const char *ending;
        const char *type;
    } table[] = {
        {".html", "text/html;charset=UTF-8"},
        {".js", "text/javascript;charset=UTF-8"},
        {".mjs", "text/javascript;charset=UTF-8"},
        {".css", "text/css;charset=UTF-8"},
        {".json", "application/json;charset=UTF-8"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".webp", "image/webp"},
        {".woff2", "font/woff2"},
        {".webmanifest", "application/manifest+json"},
        {".txt", "text/plain;charset=UTF-8"},
    };
    size_t length = strlen(path);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        size_t size = strlen(table[i].ending);
        if (length > size && strcmp(path + length - size, table[i].ending) == 0) {
            return table[i].type;
        }
    }
    return "application/octet-stream";
}

static int file_add(struct static_files *files, const char *path, const char *name,
                    struct error *err)
{
    struct static_file *file = arena_new_of(files->arena, struct static_file);
    char *text;
    if (files->files.count >= STATIC_FILES_MAX) {
        return error_set(err, -EFBIG, "there are more than %d files", STATIC_FILES_MAX);
    }
    int r = file_read(files->arena, path, STATIC_FILE_MAX, &text, &file->size_bytes, err);
    if (r < 0) {
        return r;
    }
    file->text = text;
    file->type = type_of(name);
    file->tag = arena_printf(files->arena, "%.32s",
                             digest_sha256_hex(files->arena, text, file->size_bytes));
    size_t size;
    const char *zipped = compression_run(files->arena, true, text, file->size_bytes, &size);
    if (size < file->size_bytes) {
        file->zipped = zipped;
        file->zipped_bytes = size;
    }
    map_put(&files->files, name, file);
    return 0;
}

static int folder_read(struct static_files *files, const char *folder, FTS *walk, struct error *err)
{
    for (FTSENT *entry = fts_read(walk); entry != NULL; entry = fts_read(walk)) {
        if (entry->fts_level > 0 && entry->fts_name[0] == '.') {
            (void)fts_set(walk, entry, FTS_SKIP);
            continue;
        }
        if (entry->fts_info != FTS_F) {
            continue;
        }
        int r = file_add(files, entry->fts_path, entry->fts_path + strlen(folder), err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int static_files_load(const char *folder, struct static_files **ret, struct error *err)
{
    struct stat st;
    if (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode)) {
        return error_set(err, -ENOENT, "there is no folder '%s'", folder);
    }
    char *path CLEANUP(alloc_freep) = alloc_strdup(folder);
    char *paths[] = {path, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (walk == NULL) {
        return error_set_errno(err, -errno, "cannot read the folder '%s'", folder);
    }
    struct static_files *files = alloc_zero(sizeof(*files));
    files->arena = arena_new();
    files->users = 1;
    map_init_arena(&files->files, files->arena);
    int r = folder_read(files, folder, walk, err);
    (void)fts_close(walk);
    if (r < 0) {
        static_files_free(files);
        return r;
    }
    *ret = files;
    return 0;
}

static void release(void *userdata)
{
    struct static_files *files = userdata;
    assert(files->users > 0);
    files->users--;
    if (files->users == 0) {
        arena_free(files->arena);
        free(files);
    }
}

void static_files_free(struct static_files *files)
{
    if (files != NULL) {
        release(files);
    }
}

size_t static_files_count(const struct static_files *files)
{
    return files != NULL ? files->files.count : 0;
}

static void missing_answer(struct http_connection *connection, const char *path)
{
    struct arena *arena = http_connection_arena(connection);
    struct api_answer answer;
    struct api_refusal refusal = {
        .status = 404,
        .message = arena_printf(arena, "no such file '%s'", path),
    };
    api_answer_refuse(arena, API_FORMAT_JSON, &refusal, &answer);
    http_connection_answer(connection, &(struct http_answer){
                                           .status = answer.status,
                                           .reason = answer.reason,
                                           .content_type = API_CONTENT_TYPE,
                                           .body = answer.body,
                                           .body_bytes = answer.body_bytes,
                                       });
}

void static_files_answer(struct static_files *files, struct http_connection *connection,
                         const char *path, const char *match)
{
    const char *name = strcmp(path, "/") == 0 ? "/index.html" : path;
    const struct static_file *file = files != NULL ? map_find(&files->files, name) : NULL;
    if (file == NULL) {
        missing_answer(connection, path);
        return;
    }
    struct arena *arena = http_connection_arena(connection);
    bool zipped =
        file->zipped != NULL && http_connection_encoding(connection) == HTTP_ENCODING_GZIP;
    bool known = match != NULL && (strcmp(match, "*") == 0 || strstr(match, file->tag) != NULL);
    struct http_answer answer = {
        .status = known ? 304 : 200,
        .reason = http_reason(arena, known ? 304 : 200, NULL),
        .extra =
            arena_printf(arena, "ETag: \"%s%s\"\r\nVary: Accept-Encoding\r\n%s%s", file->tag,
                         zipped ? "-gz" : "", zipped && !known ? "Content-Encoding: gzip\r\n" : "",
                         SECURITY_HEADERS),
    };
    if (!known) {
        files->users++;
        answer.content_type = file->type;
        answer.body = zipped ? file->zipped : file->text;
        answer.body_bytes = zipped ? file->zipped_bytes : file->size_bytes;
        answer.release = release;
        answer.release_userdata = files;
    }
    http_connection_answer(connection, &answer);
}
