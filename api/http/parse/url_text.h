// SPDX-License-Identifier: Apache-2.0
// Percent-encoded text: paths, queries, forms, cookies. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct json;

enum { URL_PARAMETERS_MAX = 1000 };

// The decoded text in the arena. A percent sign without two hexadecimal digits stands for itself;
// `plus`: '+' is a blank. -EINVAL: a NUL, or not UTF-8.
int url_decode(struct arena *arena, const char *text, size_t size_bytes, bool plus, char **ret,
               struct error *err) WARN_UNUSED;
// Letters, digits and "-._~" as they are, the rest as %XX, in the arena.
char *url_encode(struct arena *arena, const char *text) WARN_UNUSED;

// Puts the pairs of "a=b&c=d" into the object, as strings. -EINVAL: a pair cannot be decoded, or
// there are too many; -EEXIST: a name has two different values, and the words are the name.
int url_pairs_read(struct arena *arena, const char *text, size_t size_bytes, struct json *object,
                   struct error *err) WARN_UNUSED;

// "/a//b/" decoded: "/a/b"; of no parts "/". Errors as url_decode().
int url_path_read(struct arena *arena, const char *text, size_t size_bytes, char **ret,
                  struct error *err) WARN_UNUSED;
