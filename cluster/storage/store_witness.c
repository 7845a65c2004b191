// SPDX-License-Identifier: Apache-2.0
// The witness: 32 bytes in one sector, the last of them a check number over the others.
#include "cluster/storage/store_witness.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/storage/store_folder.h"
#include "cluster/storage/store_sum.h"
#include "common/base/alloc.h"
#include "common/base/strbuf.h"

struct content {
    char magic[8];
    uint64_t epoch, last_version;
    uint64_t sum;
};

static const char magic[8] = {'H', 'A', 'W', 'I', 'T', 'N', '0', '1'};

struct store_witness {
    char *path; // as the VFS wants it: ends with two NULs
    sqlite3_file *file;
    bool open;
    bool known; // the numbers below are in the file
    bool dirty;
    uint64_t epoch, last_version;
};

static uint64_t content_sum(const struct content *content)
{
    uint64_t sum = store_sum_add(store_sum_start(), content->magic, sizeof(content->magic));
    sum = store_sum_add_number(sum, content->epoch);
    return store_sum_add_number(sum, content->last_version);
}

struct store_witness *store_witness_open(const char *path)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    struct store_witness *witness = alloc_zero(sizeof(*witness));
    size_t length = strlen(path) + strlen(STORE_WITNESS_ENDING);
    struct strbuf name CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&name, "%s" STORE_WITNESS_ENDING, path);
    witness->path = alloc_zero(length + 2);
    memcpy(witness->path, strbuf_text(&name), length);
    witness->file = alloc_zero((size_t)vfs->szOsFile);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_SUPER_JOURNAL;
    witness->open = vfs->xOpen(vfs, witness->path, witness->file, flags, NULL) == SQLITE_OK;
    struct content content;
    if (witness->open &&
        witness->file->pMethods->xRead(witness->file, &content, sizeof(content), 0) == SQLITE_OK) {
        witness->known = memcmp(content.magic, magic, sizeof(magic)) == 0 &&
                         content.sum == content_sum(&content);
        witness->epoch = content.epoch;
        witness->last_version = content.last_version;
    }
    return witness;
}

void store_witness_close(struct store_witness *witness)
{
    if (witness == NULL) {
        return;
    }
    if (witness->open) {
        store_witness_sync(witness);
        (void)witness->file->pMethods->xClose(witness->file); // nothing waits to be written
    }
    free(witness->file);
    free(witness->path);
    free(witness);
}

bool store_witness_agrees(const struct store_witness *witness, uint64_t epoch,
                          uint64_t last_version)
{
    return !witness->known || (epoch >= witness->epoch && last_version >= witness->last_version);
}

uint64_t store_witness_version(const struct store_witness *witness)
{
    return witness->known ? witness->last_version : 0;
}

int store_witness_prepare(struct store_witness *witness, uint64_t epoch, uint64_t last_version)
{
    if (store_witness_agrees(witness, epoch, last_version)) {
        return 0;
    }
    witness->known = false;
    const struct sqlite3_io_methods *methods = witness->file->pMethods;
    int rc = methods->xTruncate(witness->file, 0);
    if (rc == SQLITE_OK) {
        rc = methods->xSync(witness->file, SQLITE_SYNC_NORMAL);
    }
    return rc == SQLITE_OK ? 0 : -EIO;
}

void store_witness_write(struct store_witness *witness, uint64_t epoch, uint64_t last_version)
{
    struct content content = {.epoch = epoch, .last_version = last_version};
    memcpy(content.magic, magic, sizeof(magic));
    content.sum = content_sum(&content);
    if (!witness->open ||
        witness->file->pMethods->xWrite(witness->file, &content, sizeof(content), 0) != SQLITE_OK) {
        witness->known = false; // a full disk: what is there is older, and true
        return;
    }
    witness->known = true;
    witness->dirty = true;
    witness->epoch = epoch;
    witness->last_version = last_version;
}

void store_witness_sync(struct store_witness *witness)
{
    if (witness->open && witness->dirty) {
        // When it fails the witness is an older one after a power cut.
        (void)witness->file->pMethods->xSync(witness->file, SQLITE_SYNC_NORMAL);
        witness->dirty = false;
    }
}
