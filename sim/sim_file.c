// SPDX-License-Identifier: Apache-2.0
// Files by plain stdio.
#include "sim/sim_file.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"

enum { SIM_FILE_MAX = 16 * 1024 * 1024, SIM_FILE_CHUNK = 16 * 1024 };

static void sim_file_closep(FILE **file)
{
    if (*file != NULL) {
        (void)fclose(*file); // reading only, or checked before
    }
}

int sim_file_read(struct arena *arena, const char *path, char **ret_text, size_t *ret_size_bytes,
                  struct error *err)
{
    FILE *file CLEANUP(sim_file_closep) = fopen(path, "re");
    if (file == NULL) {
        return error_set_errno(err, -errno, "cannot open '%s'", path);
    }
    struct strbuf text CLEANUP(strbuf_done) = {0};
    char chunk[SIM_FILE_CHUNK];
    size_t got = sizeof(chunk);
    while (got == sizeof(chunk) && text.size_bytes <= SIM_FILE_MAX) {
        got = fread(chunk, 1, sizeof(chunk), file);
        strbuf_append_bytes(&text, chunk, got);
    }
    if (ferror(file)) {
        return error_set_errno(err, errno != 0 ? -errno : -EIO, "cannot read '%s'", path);
    }
    if (text.size_bytes > SIM_FILE_MAX) {
        return error_set(err, -E2BIG, "'%s' is larger than %d bytes", path, SIM_FILE_MAX);
    }
    *ret_text = arena_memdup(arena, strbuf_text(&text), text.size_bytes);
    *ret_size_bytes = text.size_bytes;
    return 0;
}

int sim_file_write(const char *path, const char *text, size_t size_bytes, struct error *err)
{
    FILE *file CLEANUP(sim_file_closep) = fopen(path, "we");
    if (file == NULL) {
        return error_set_errno(err, -errno, "cannot write '%s'", path);
    }
    if (fwrite(text, 1, size_bytes, file) != size_bytes || fflush(file) != 0) {
        return error_set_errno(err, errno != 0 ? -errno : -EIO, "cannot write '%s'", path);
    }
    return 0;
}
