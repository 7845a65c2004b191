// SPDX-License-Identifier: Apache-2.0
// Small files as a whole: reading with a bound, writing so that a reader sees the old or the new
// text, never a mixture.
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "common/base/macros.h"

struct arena;
struct error;

// The file's bytes in the arena, followed by a NUL that is not counted; files of /proc and /sys
// work too. -EFBIG: longer than size_max. Other codes as of open(2) and read(2), with the path in
// the words.
int file_read(struct arena *arena, const char *path, size_t size_max, char **ret_text,
              size_t *ret_size_bytes, struct error *err) WARN_UNUSED;

// Writes beside the file and renames over it. Nothing is flushed to the disk: this is for files
// below /run.
int file_replace(const char *path, const char *text, size_t size_bytes, mode_t mode,
                 struct error *err) WARN_UNUSED;

// As file_replace(), but the new text is on the disk before it takes the old one's place, and the
// new name is before this returns: for configuration and keys.
int file_install(const char *path, const void *data, size_t size_bytes, mode_t mode,
                 struct error *err) WARN_UNUSED;

// Writes all bytes to an open descriptor; -errno. EINTR is handled, a full non-blocking pipe is
// -EAGAIN.
int file_write_all(int fd, const void *data, size_t size_bytes) WARN_UNUSED;

// Writes a short text to an existing file, such as one of /proc or a cgroup, in one call.
int file_write_value(const char *path, const char *text, struct error *err) WARN_UNUSED;

// Makes the directory when it is missing; -errno with words.
int file_make_directory(const char *path, mode_t mode, struct error *err) WARN_UNUSED;

// Reads something of the directory, to see that it can be: 0 or -errno. Hangs as long as what is
// behind it does.
int file_try_directory(const char *path) WARN_UNUSED;
