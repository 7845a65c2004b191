// SPDX-License-Identifier: Apache-2.0
// A storage: a folder in which guests' volumes are, on one node or shared by all. The section text
// under "storage/<id>":
//     dir: shared1
//             path /mnt/shared1
//             shared 1
//     nfs: nas1
//             server 10.0.0.9
//             export /srv/guests
//             path /mnt/ha-manager/nas1
//             options vers=4.2
//             nodes node1,node2
//             on-loss move
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/enum_table.h"
#include "common/base/macros.h"

struct arena;
struct error;
struct guest;
struct strbuf;

// Always there, on each node apart, without being defined: below the state folder.
#define STORAGE_LOCAL "local"
// Where a network storage without a path of its own is mounted: a folder of its name in here.
#define STORAGE_MOUNT_FOLDER "/mnt/ha-manager"

enum storage_type { STORAGE_TYPE_DIR, STORAGE_TYPE_NFS, STORAGE_TYPE_MAX };
ENUM_TABLE_DECLARE(storage_type);

// What becomes of services on a node that has lost the storage.
enum storage_loss {
    STORAGE_LOSS_MOVE, // they go to a node that has it
    STORAGE_LOSS_KEEP, // they stay, and wait for it
    STORAGE_LOSS_STOP, // they are stopped, and started again when it is back
    STORAGE_LOSS_MAX
};
ENUM_TABLE_DECLARE(storage_loss);

struct storage {
    const char *id;
    enum storage_type type;
    const char *path; // absolute; of nfs: where it is mounted
    bool shared;      // all nodes see the same volumes; nfs always is
    bool is_mount;    // dir: only there while something is mounted on the path
    bool disabled;    // not mounted, not looked at, and nothing is placed by it
    const char *server, *export, *options; // nfs; options NULL: the system's
    const char **nodes;                    // the only ones that have it; ascending
    size_t nodes_count;                    // 0: all
    enum storage_loss on_loss;
};

// -EINVAL naming the key. An absolute path has no ".." in it.
int storage_check_path(const char *path, struct error *err) WARN_UNUSED;
// The storage of that type with nothing else set, for setting keys one by one.
struct storage *storage_new(struct arena *arena, enum storage_type type,
                            const char *id) WARN_UNUSED;
// Sets one key from its text: path, shared, mountpoint, server, export, options, nodes, on-loss,
// disable, content. -EINVAL with key and what is allowed when the type has no such key or the value
// is wrong; then nothing changed. `content` says what others put there and means nothing here.
int storage_set(struct arena *arena, struct storage *storage, const char *key, const char *value,
                struct error *err) WARN_UNUSED;
// What is missing is filled in, or -EINVAL naming the key that is required.
int storage_complete(struct arena *arena, struct storage *storage, struct error *err) WARN_UNUSED;
// From a section's text; -EINVAL names line and key. Complete.
int storage_parse(struct arena *arena, const char *text, struct storage **ret,
                  struct error *err) WARN_UNUSED;
void storage_format(const struct storage *storage, struct strbuf *out);
// Whether the node is among those that have it.
bool storage_has_node(const struct storage *storage, const char *node) WARN_UNUSED;

// A volume's name is "<storage>:<volume>", where the volume may lie in folders of the storage:
// "images/101/disk.raw". False when the text is not of that form.
bool storage_volume_split(struct arena *arena, const char *name, const char **ret_storage,
                          const char **ret_volume) WARN_UNUSED;

struct storage_names {
    const char **names; // ascending, each once
    size_t count;
};
// The storages that a guest's volumes are on: of each value in its definition the part before the
// first comma, where it has the form of a volume's name; so there may be names of storages that
// were never defined. In the arena.
struct storage_names storage_names_of_guest(struct arena *arena,
                                            const struct guest *guest) WARN_UNUSED;
