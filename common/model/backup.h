// SPDX-License-Identifier: Apache-2.0
// A backup file: what the store held at one moment, and files of one node, as lines of JSON.
//
//   {"format":"ha-manager-backup","form":1,"kind":…,"node":…,"cluster":…,"software":…,…}
//   {"file":"authkey","base64":…}                                any number
//   {"key":…,"version":…,"value":…} or "base64" or "deleted"     any number, ascending by key
//   {"entries":…,"sha256":…}                                     over all bytes before this line
//
// A file that was cut or changed anywhere is not taken for a backup.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct strbuf;

enum {
    BACKUP_FORM = 1,
    BACKUP_SIZE_MAX = 768 * 1024 * 1024, // three times what the store may hold
};

#define BACKUP_KIND_BACKUP    "backup"    // made by an operator
#define BACKUP_KIND_SET_ASIDE "set-aside" // a history that was given up

struct backup_file {
    const char *name; // "corosync.conf"
    const char *data;
    size_t size_bytes;
};

struct backup_entry {
    const char *key;
    const char *value; // NULL: deleted
    size_t size_bytes;
    uint64_t version;
};

struct backup {
    const char *kind;
    const char *node;     // where it was made, NULL: not known
    const char *cluster;  // NULL: of a node alone
    const char *software; // version of the program that made it
    int64_t created_s;    // wall clock
    uint64_t epoch, version;
    const struct backup_file *files;
    size_t files_count;
    const struct backup_entry *entries;
    size_t entries_count;
};

void backup_format(const struct backup *backup, struct strbuf *out);
// In the arena. -EBADMSG: not a backup, cut or changed; -ENOTSUP: of a newer version; with words.
int backup_parse(struct arena *arena, const char *text, size_t size_bytes, struct backup *ret,
                 struct error *err) WARN_UNUSED;
// NULL: it has no such entry.
const struct backup_entry *backup_find(const struct backup *backup, const char *key) WARN_UNUSED;
