// SPDX-License-Identifier: Apache-2.0
// A storage: a folder in which guests' volumes are, on one node or shared by all. The section text
// under "storage/<id>":
//     dir: shared1
//             path /mnt/shared1
//             shared 1
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct strbuf;

// Always there, on each node apart, without being defined: below the state folder.
#define STORAGE_LOCAL "local"

struct storage {
    const char *id;
    const char *path; // absolute
    bool shared;      // all nodes see the same volumes
};

// -EINVAL naming the key. An absolute path has no ".." in it.
int storage_check_path(const char *path, struct error *err) WARN_UNUSED;
int storage_parse(struct arena *arena, const char *text, struct storage **ret,
                  struct error *err) WARN_UNUSED;
void storage_format(const struct storage *storage, struct strbuf *out);

// A volume's name is "<storage>:<volume>". False when the text is not of that form.
bool storage_volume_split(struct arena *arena, const char *name, const char **ret_storage,
                          const char **ret_volume) WARN_UNUSED;
