// SPDX-License-Identifier: Apache-2.0
// Fibers on stacks of their own, each below a page that nobody may touch. A fiber begins by
// ucontext(3); from then on it is switched by _setjmp(3), which unlike swapcontext(3) asks the
// kernel for nothing. AddressSanitizer is not told of the switches: what it says about a fiber's
// stack is not to be believed.

// With it longjmp(3) ends the process that jumps to another stack.
#undef _FORTIFY_SOURCE

#include "sim/swarm/swarm_fiber.h"

#include <assert.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "common/base/alloc.h"

enum { STACK_BYTES = 512 * 1024, GUARD_BYTES = 4096, HALF_BITS = 32 };

struct swarm_fiber_pool {
    char **stacks;
    size_t count, capacity;
};

struct swarm_fiber {
    struct swarm_fiber_pool *pool; // NULL: none
    swarm_fiber_body body;
    void *userdata;
    jmp_buf own, back; // the fiber, and who resumed it
    char *stack;       // with its guard page; NULL before it begins
    bool is_begun, is_running, is_ended, is_done;
};

// ---- Stacks.

static char *stack_new(void)
{
    void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(stack != MAP_FAILED); // out of memory ends the process, as in alloc.h
    int r = mprotect(stack, GUARD_BYTES, PROT_NONE);
    assert(r == 0);
    return stack;
}

static void stack_free(char *stack)
{
    int r = munmap(stack, STACK_BYTES);
    assert(r == 0);
}

struct swarm_fiber_pool *swarm_fiber_pool_new(void)
{
    return alloc_zero(sizeof(struct swarm_fiber_pool));
}

void swarm_fiber_pool_free(struct swarm_fiber_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (size_t i = 0; i < pool->count; i++) {
        stack_free(pool->stacks[i]);
    }
    free(pool->stacks);
    free(pool);
}

static char *stack_take(struct swarm_fiber_pool *pool)
{
    return pool != NULL && pool->count > 0 ? pool->stacks[--pool->count] : stack_new();
}

static void stack_give(struct swarm_fiber_pool *pool, char *stack)
{
    if (pool == NULL) {
        stack_free(stack);
        return;
    }
    if (pool->count == pool->capacity) {
        pool->capacity = pool->capacity == 0 ? 16 : 2 * pool->capacity;
        pool->stacks = alloc_resize(pool->stacks, pool->capacity * sizeof(*pool->stacks));
    }
    pool->stacks[pool->count++] = stack;
}

// ---- Fibers.

struct swarm_fiber *swarm_fiber_new_in(struct swarm_fiber_pool *pool, swarm_fiber_body body,
                                       void *userdata)
{
    struct swarm_fiber *fiber = alloc_zero(sizeof(*fiber));
    fiber->pool = pool;
    fiber->body = body;
    fiber->userdata = userdata;
    return fiber;
}

struct swarm_fiber *swarm_fiber_new(swarm_fiber_body body, void *userdata)
{
    return swarm_fiber_new_in(NULL, body, userdata);
}

void swarm_fiber_free(struct swarm_fiber *fiber)
{
    if (fiber == NULL) {
        return;
    }
    assert(!fiber->is_begun || fiber->is_done);
    if (fiber->stack != NULL) {
        stack_give(fiber->pool, fiber->stack);
    }
    free(fiber);
}

// makecontext(3) hands over ints only: the pointer comes in two halves.
static void fiber_main(unsigned high, unsigned low)
{
    struct swarm_fiber *fiber = (struct swarm_fiber *)((uintptr_t)high << HALF_BITS | low);
    fiber->body(fiber->userdata);
    fiber->is_done = true;
    _longjmp(fiber->back, 1);
}

static void fiber_begin(struct swarm_fiber *fiber)
{
    if (fiber->stack == NULL) {
        fiber->stack = stack_take(fiber->pool);
    }
    fiber->is_begun = true;
    ucontext_t context;
    int r = getcontext(&context);
    assert(r == 0);
    context.uc_stack.ss_sp = fiber->stack + GUARD_BYTES;
    context.uc_stack.ss_size = STACK_BYTES - GUARD_BYTES;
    context.uc_link = NULL;
    uintptr_t bits = (uintptr_t)fiber;
    makecontext(&context, (void (*)(void))fiber_main, 2, (unsigned)(bits >> HALF_BITS),
                (unsigned)(bits & UINT32_MAX));
    r = setcontext(&context); // never returns
    assert(r == 0);
}

void swarm_fiber_resume(struct swarm_fiber *fiber)
{
    assert(!fiber->is_running && !fiber->is_done);
    fiber->is_running = true;
    if (_setjmp(fiber->back) == 0) {
        if (fiber->is_begun) {
            _longjmp(fiber->own, 1);
        }
        fiber_begin(fiber);
    }
    fiber->is_running = false;
}

void swarm_fiber_wait(struct swarm_fiber *fiber)
{
    assert(fiber->is_running);
    if (!fiber->is_ended && _setjmp(fiber->own) == 0) {
        _longjmp(fiber->back, 1);
    }
}

void swarm_fiber_end(struct swarm_fiber *fiber)
{
    assert(!fiber->is_running);
    fiber->is_ended = true;
    if (!fiber->is_begun) {
        fiber->is_done = true;
    }
    if (!fiber->is_done) {
        swarm_fiber_resume(fiber);
        assert(fiber->is_done); // no wait holds it up any more
    }
}

void swarm_fiber_restart(struct swarm_fiber *fiber)
{
    assert(fiber->is_done);
    fiber->is_begun = false;
    fiber->is_ended = false;
    fiber->is_done = false;
}

bool swarm_fiber_is_ended(const struct swarm_fiber *fiber)
{
    return fiber->is_ended;
}

bool swarm_fiber_is_done(const struct swarm_fiber *fiber)
{
    return fiber->is_done;
}
