// SPDX-License-Identifier: Apache-2.0
// The claim is made by link(2), which makes one winner on every file system that nodes can share,
// and taken away by rename(2), so that what was judged can be compared with what was taken.
#include "lrm/agents/volume_claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/model/sid.h"

enum { CLAIM_ROUNDS_MAX = 4, CLAIM_TEXT_MAX = 256 };

#define CLAIM_QUESTION ".asked"

// "<folder>/.<volume>.claim<suffix>"
static const char *claim_path(struct arena *arena, const char *volume, const char *suffix)
{
    size_t length = strlen(volume);
    while (length > 1 && volume[length - 1] == '/') {
        length--;
    }
    const char *path = arena_memdup(arena, volume, length);
    const char *name = strrchr(path, '/') + 1;
    return arena_printf(arena, "%.*s.%s.claim%s", (int)(name - path), path, name, suffix);
}

// The node that the claim names; NULL when there is none. What cannot be understood names nobody
// that could hold a lease, and counts as none.
static int claim_read(struct arena *arena, const char *path, const char **ret_node,
                      struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    int r = file_read(arena, path, CLAIM_TEXT_MAX, &text, &size, err);
    if (r == -ENOENT) {
        *ret_node = NULL;
        return 0;
    }
    if (r < 0) {
        return r;
    }
    text[strcspn(text, "\n")] = '\0';
    *ret_node = node_name_check(text, NULL) == 0 ? text : "";
    return 0;
}

// 0 when it was made; -EEXIST when somebody was first.
static int claim_make(struct arena *arena, const struct volume_claim *claim, struct error *err)
{
    const char *path = claim_path(arena, claim->path, "");
    const char *draft = claim_path(arena, claim->path, arena_printf(arena, ".%s", claim->node));
    const char *text = arena_printf(arena, "%s\n", claim->node);
    int r = file_replace(draft, text, strlen(text), 0600, err);
    if (r < 0) {
        return r;
    }
    if (link(draft, path) < 0) {
        r = -errno;
    }
    (void)unlink(draft); // only a draft
    return r < 0 && r != -EEXIST ? error_set_errno(err, r, "cannot make '%s'", path) : r;
}

// Takes a claim away that says nothing any more. -EAGAIN when it was another one meanwhile.
static int claim_remove(struct arena *arena, const struct volume_claim *claim, const char *node,
                        struct error *err)
{
    const char *path = claim_path(arena, claim->path, "");
    const char *aside = claim_path(arena, claim->path, arena_printf(arena, ".%s", claim->node));
    const char *found = NULL;
    if (rename(path, aside) < 0) {
        return errno == ENOENT ? -EAGAIN
                               : error_set_errno(err, -errno, "cannot replace '%s'", path);
    }
    int r = claim_read(arena, aside, &found, err);
    if (r < 0) {
        return r;
    }
    bool is_same = found != NULL && strcmp(found, node) == 0;
    if (!is_same && link(aside, path) < 0) {
        r = -errno; // a third one was faster, and has it now
    }
    (void)unlink(aside); // what was judged, or what is back in its place
    return is_same || r == 0 || r == -EEXIST ? (is_same ? 0 : -EAGAIN)
                                             : error_set_errno(err, r, "cannot restore '%s'", path);
}

// What changes when somebody touches or replaces the claim.
struct claim_mark {
    bool exists;
    ino_t inode;
    struct timespec touched;
};

// Opened anew each time: a network file system asks its server then.
static struct claim_mark claim_look(const char *path)
{
    struct claim_mark mark = {0};
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (fstat(fd, &st) == 0) {
            mark = (struct claim_mark){.exists = true, .inode = st.st_ino, .touched = st.st_mtim};
        }
        (void)close(fd); // was only looked at
    }
    return mark;
}

static bool mark_is_same(const struct claim_mark *a, const struct claim_mark *b)
{
    return a->exists == b->exists && a->inode == b->inode &&
           a->touched.tv_sec == b->touched.tv_sec && a->touched.tv_nsec == b->touched.tv_nsec;
}

// Asks whose it is to touch it, by a file beside it. Without the file it is not touched: an idle
// cluster writes nothing.
static bool claim_is_alive(struct arena *arena, const struct volume_claim *claim)
{
    const char *path = claim_path(arena, claim->path, "");
    const char *question = claim_path(arena, claim->path, CLAIM_QUESTION);
    struct claim_mark first = claim_look(path);
    struct claim_mark mark = first;
    int fd = open(question, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return true; // nobody can be asked, so nobody has said no
    }
    (void)close(fd); // nothing was written
    for (int64_t waited_ms = 0; waited_ms < VOLUME_CLAIM_WATCH_MS && mark_is_same(&mark, &first);
         waited_ms += VOLUME_CLAIM_LOOK_MS) {
        claim->wait(claim->userdata, VOLUME_CLAIM_LOOK_MS);
        mark = claim_look(path);
    }
    (void)unlink(question); // or the answer has taken it away
    return !mark_is_same(&mark, &first) && mark.exists;
}

// Whether the claim of that node stands.
static bool claim_stands(struct arena *arena, const struct volume_claim *claim, const char *node)
{
    bool is_gone = false;
    if (node[0] == '\0') {
        return false;
    }
    if (claim->is_gone != NULL && claim->is_gone(claim->userdata, node, &is_gone, NULL) < 0) {
        is_gone = false;
    }
    return !is_gone && claim_is_alive(arena, claim);
}

int volume_claim_take(struct arena *arena, const struct volume_claim *claim, struct error *err)
{
    for (int i = 0; i < CLAIM_ROUNDS_MAX; i++) {
        const char *node = NULL;
        int r = claim_read(arena, claim_path(arena, claim->path, ""), &node, err);
        if (r < 0 || (node != NULL && strcmp(node, claim->node) == 0)) {
            return r;
        }
        if (node == NULL) {
            r = claim_make(arena, claim, err);
            if (r != -EEXIST) {
                return r;
            }
            continue;
        }
        if (claim_stands(arena, claim, node)) {
            return error_set(err, -EBUSY, "'%s' is in use by node '%s'", claim->path, node);
        }
        r = claim_remove(arena, claim, node, err);
        if (r < 0 && r != -EAGAIN) {
            return r;
        }
    }
    return error_set(err, -EBUSY, "others claim '%s' at the same time", claim->path);
}

int volume_claim_drop(struct arena *arena, const char *path, const char *node, struct error *err)
{
    const char *owner = NULL;
    const char *file = claim_path(arena, path, "");
    int r = claim_read(arena, file, &owner, err);
    if (r < 0 || owner == NULL || strcmp(owner, node) != 0) {
        return r;
    }
    return unlink(file) < 0 && errno != ENOENT
               ? error_set_errno(err, -errno, "cannot remove '%s'", file)
               : 0;
}

int volume_claim_answer(struct arena *arena, const char *path, const char *node, struct error *err)
{
    const char *owner = NULL;
    const char *file = claim_path(arena, path, "");
    const char *question = claim_path(arena, path, CLAIM_QUESTION);
    if (access(question, F_OK) < 0) {
        return errno == ENOENT ? 0 : error_set_errno(err, -errno, "cannot look at '%s'", question);
    }
    int r = claim_read(arena, file, &owner, err);
    if (r < 0 || owner == NULL || strcmp(owner, node) != 0) {
        return r;
    }
    // The question goes first: one that comes between the two is answered with the next look.
    (void)unlink(question); // or who asked has taken it away
    // Should another node take it just now, this one's time is its new claim's: it is read once
    // more than needed there.
    if (utimensat(AT_FDCWD, file, NULL, 0) < 0 && errno != ENOENT) {
        return error_set_errno(err, -errno, "cannot touch '%s'", file);
    }
    return 0;
}
