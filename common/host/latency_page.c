// SPDX-License-Identifier: Apache-2.0
// One writer, any readers. Numbers are written one by one: a reader may see a count that its sum
// does not have yet.
#include "common/host/latency_page.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/host/file.h"
#include "common/host/paths.h"

enum { PAGE_BYTES = 4096, FOLDER_MODE = 0700, FILE_MODE = 0600 };

// Of the numbers' order and meaning; 0: the page is not ready.
static const uint64_t PAGE_MAGIC = UINT64_C(0x6861746d73000001);

// In the order and of the width of the process: readers are of this machine.
struct page_content {
    volatile uint64_t magic;
    struct latency_figures figures;
};
static_assert(sizeof(struct page_content) <= PAGE_BYTES, "one page");

struct latency_page {
    struct page_content *content;
    char *path; // NULL: nobody else can see it
};

static char *page_path(struct arena *arena, const char *program)
{
    return arena_printf(arena, "%s/%s.times", paths_run_dir(), program);
}

// A page in memory that is there already: writing to it can neither wait nor fail.
static struct page_content *page_map(const char *path)
{
    struct statfs place;
    struct page_content *content = NULL;
    (void)unlink(path); // of a process that ended: whoever reads it goes on with what was there
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0) {
        return NULL;
    }
    if (fstatfs(fd, &place) == 0 && place.f_type == TMPFS_MAGIC &&
        posix_fallocate(fd, 0, PAGE_BYTES) == 0) {
        void *memory = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        content = memory != MAP_FAILED ? memory : NULL;
    }
    (void)close(fd); // the mapping stays
    if (content == NULL) {
        (void)unlink(path);
    }
    return content;
}

struct latency_page *latency_page_new(const char *program)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct latency_page *page = alloc_zero(sizeof(*page));
    const char *path = page_path(arena, program);
    if (file_make_directory(paths_run_dir(), FOLDER_MODE, NULL) == 0) {
        page->content = page_map(path);
    }
    if (page->content != NULL) {
        page->path = alloc_strdup(path);
    } else {
        page->content = alloc_zero(PAGE_BYTES);
    }
    page->content->magic = PAGE_MAGIC;
    return page;
}

void latency_page_free(struct latency_page *page)
{
    if (page == NULL) {
        return;
    }
    if (page->path != NULL) {
        (void)unlink(page->path);
        (void)munmap(page->content, PAGE_BYTES);
        free(page->path);
    } else {
        free(page->content);
    }
    free(page);
}

void latency_page_add(struct latency_page *page, enum latency_kind kind, int64_t took_us,
                      size_t size_bytes)
{
    if (page == NULL) {
        return;
    }
    assert(kind < LATENCY_KIND_MAX);
    latency_add(&page->content->figures.kinds[kind], took_us, size_bytes);
}

int latency_page_read(const char *program, struct latency_figures *ret)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct page_content content;
    int fd = open(page_path(arena, program), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    ssize_t size = read(fd, &content, sizeof(content));
    (void)close(fd);
    if (size != (ssize_t)sizeof(content) || content.magic != PAGE_MAGIC) {
        return -EBADMSG;
    }
    *ret = content.figures;
    return 0;
}
