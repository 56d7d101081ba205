/* stack.c - see stack.h. Stacks are cut, one after the other, from slabs. */
#include "async/stack.h"
#include "async/checkers.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif
#ifndef MAP_STACK
#define MAP_STACK 0
#endif
/* Linux 6.13; the C library of the day may not know it yet. */
#if defined(__linux__) && !defined(MADV_GUARD_INSTALL)
#define MADV_GUARD_INSTALL 102
#endif

/* The first slab is for small programs; each other one is 16 MiB of addresses,
   and 64 tasks share its system calls. */
enum { FIRST_STACKS = 8, MORE_STACKS = 64 };

/* With mprotect: see install_guard(). */
enum { MOST_GUARDS = 30000 };

struct async_stack_slab {
    struct async_stack_slab *next;
    char *memory;
    size_t size;
};

/*
 * The guards of all stacks of a slab in one system call, at half the price. A
 * process can do that to itself since Linux 6.15; false if it cannot.
 */
static bool guard_slab(const struct async_stack_slab *slab, size_t page)
{
#if defined(MADV_GUARD_INSTALL) && defined(SYS_process_madvise)
    enum { PIDFD_SELF_THREAD = -10000 };
    struct iovec guards[MORE_STACKS];
    size_t n = slab->size / ASYNC_STACK_SIZE;

    if (RUNNING_ON_VALGRIND) /* it would complain of an unknown system call */
        return false;
    for (size_t i = 0; i < n; i++)
        guards[i] = (struct iovec){slab->memory + i * ASYNC_STACK_SIZE, page};
    return syscall(SYS_process_madvise, PIDFD_SELF_THREAD, guards, n,
                   MADV_GUARD_INSTALL, 0) == (long)(n * page);
#else
    (void)slab;
    (void)page;
    return false;
#endif
}

static bool add_slab(struct async_stacks *stacks)
{
    struct async_stack_slab *slab = malloc(sizeof *slab);

    if (!slab)
        return false;
    slab->size =
        (stacks->slabs ? MORE_STACKS : FIRST_STACKS) * ASYNC_STACK_SIZE;
    slab->memory =
        mmap(NULL, slab->size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (slab->memory == MAP_FAILED) {
        free(slab);
        return false;
    }
#ifdef MADV_NOHUGEPAGE
    /* A huge page would commit eight stacks at the first touch of one. */
    madvise(slab->memory, slab->size, MADV_NOHUGEPAGE);
#endif
    slab->next = stacks->slabs;
    stacks->slabs = slab;
    stacks->unused = slab->memory;
    stacks->unused_end = slab->memory + slab->size;
    stacks->guard_size = (size_t)sysconf(_SC_PAGESIZE);
    stacks->madvise_lies = madvise(slab->memory, stacks->guard_size, -1) == 0;
    stacks->slab_guarded =
        !stacks->madvise_lies && guard_slab(slab, stacks->guard_size);
    return true;
}

/*
 * MADV_GUARD_INSTALL has no limit; mprotect makes two mappings of one, and
 * Linux allows 65,530, of which malloc and the next slab need some. Beyond our
 * limit a stack has no guard: a program with so many tasks at once works, it is
 * only not told when one of them overflows.
 */
static bool install_guard(struct async_stacks *stacks, char *page)
{
    if (stacks->no_more_guards)
        return false;
#ifdef MADV_GUARD_INSTALL
    if (!stacks->madvise_lies &&
        madvise(page, stacks->guard_size, MADV_GUARD_INSTALL) == 0)
        return true;
#endif
    if (stacks->guards < MOST_GUARDS &&
        mprotect(page, stacks->guard_size, PROT_NONE) == 0) {
        stacks->guards++;
        return true;
    }
    stacks->no_more_guards = true;
    return false;
}

struct async_stack *async_stack_take(struct async_stacks *stacks)
{
    struct async_stack *stack = stacks->free;

    if (stack) {
        stacks->free = stack->next_free;
#ifdef ASYNC_ASAN
        /* Its last owner left it in the middle of a function. */
        __asan_unpoison_memory_region(stack->bottom,
                                      ASYNC_STACK_SIZE - sizeof *stack);
#endif
        return stack;
    }
    if (stacks->unused == stacks->unused_end && !add_slab(stacks))
        return NULL;

    char *bottom = stacks->unused;
    stacks->unused += ASYNC_STACK_SIZE;
    stack = (void *)(bottom + ASYNC_STACK_SIZE - sizeof *stack);
    stack->bottom = bottom;
    stack->guarded = stacks->slab_guarded || install_guard(stacks, bottom);
    stack->valgrind_id = VALGRIND_STACK_REGISTER(bottom + stacks->guard_size,
                                                 bottom + ASYNC_STACK_SIZE - 1);
    return stack;
}

void async_stack_give_back(struct async_stacks *stacks,
                           struct async_stack *stack)
{
    stack->next_free = stacks->free;
    stacks->free = stack;
}

void *async_stack_start(const struct async_stacks *stacks,
                        const struct async_stack *stack)
{
    return stack->bottom + stacks->guard_size;
}

size_t async_stack_size(const struct async_stacks *stacks)
{
    /* Rounded down to the alignment that every machine's stack has. */
    return (ASYNC_STACK_SIZE - stacks->guard_size -
            sizeof(struct async_stack)) &
           ~(size_t)63;
}

bool async_stack_overflowed(const struct async_stacks *stacks,
                            const struct async_stack *stack,
                            const void *address)
{
    return stack->guarded && (uintptr_t)address >= (uintptr_t)stack->bottom &&
           (uintptr_t)address - (uintptr_t)stack->bottom < stacks->guard_size;
}

void async_stacks_show(const struct async_stacks *stacks)
{
#ifdef ASYNC_ASAN
    const struct async_stack_slab *slab = stacks->slabs;

    for (; slab; slab = slab->next) {
        const char *end =
            slab == stacks->slabs ? stacks->unused : slab->memory + slab->size;

        /* It would read the guards, too. */
        for (char *at = slab->memory; at < end; at += ASYNC_STACK_SIZE)
            __lsan_register_root_region(at + stacks->guard_size,
                                        ASYNC_STACK_SIZE - stacks->guard_size);
    }
#else
    (void)stacks;
#endif
}

/* Whoever gets these addresses next must not inherit our marks. There is a byte
   of them for eight of ours, most of them never touched: whole pages are given
   back, and read as zero again. */
static void forget_marks(const struct async_stack_slab *slab)
{
#ifdef ASYNC_ASAN
    size_t start = (size_t)slab->memory, end = start + slab->size;
    size_t scale, offset;

    __asan_get_shadow_mapping(&scale, &offset);
    /* So many bytes of ours have a page of marks. */
    size_t unit = (size_t)sysconf(_SC_PAGESIZE) << scale;
    size_t first = (start + unit - 1) / unit * unit, last = end / unit * unit;

    __asan_unpoison_memory_region(slab->memory, first - start);
    madvise((void *)((first >> scale) + offset), (last - first) >> scale,
            MADV_DONTNEED);
    __asan_unpoison_memory_region((void *)last, end - last);
#else
    (void)slab;
#endif
}

void async_stacks_free(struct async_stacks *stacks)
{
    struct async_stack *stack;

    while ((stack = stacks->free)) {
        stacks->free = stack->next_free;
        VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
    }
    while (stacks->slabs) {
        struct async_stack_slab *slab = stacks->slabs;

        stacks->slabs = slab->next;
        forget_marks(slab);
        munmap(slab->memory, slab->size);
        free(slab);
    }
    stacks->unused = stacks->unused_end = NULL;
}
