/*
 * stack.h - the stacks that tasks run on.
 *
 * A task gets its stack when it takes its first step, and the next new task
 * gets it when this one has ended: last in, first out, while it is still in the
 * cache. Each is 256 KiB of reserved addresses, of which the system commits
 * what is touched, usually one page, and ends in a guard page: a task that
 * overflows its stack is stopped there, and named.
 */
#ifndef ASYNC_STACK_H
#define ASYNC_STACK_H

#include <stdbool.h>
#include <stddef.h>

#ifndef ASYNC_STACK_SIZE
#define ASYNC_STACK_SIZE ((size_t)256 * 1024)
#endif

/*
 * Lives in the highest bytes of the stack that it describes: they are touched
 * in any case.
 */
struct async_stack {
    struct async_stack *next_free;
    char *bottom; /* lowest address; the guard page begins here */
    bool guarded;
    unsigned valgrind_id;
};

struct async_stack_slab;

struct async_stacks {
    struct async_stack *free;
    struct async_stack_slab *slabs;
    char *unused, *unused_end; /* the rest of the newest slab */
    size_t guard_size;         /* one page */
    bool slab_guarded;         /* the newest slab's are */
    size_t guards;             /* made with mprotect */
    bool no_more_guards;       /* the limit was reached */
    bool madvise_lies;         /* it takes any advice, and does nothing: qemu */
};

/* A stack for a new task, or NULL if there are no more addresses. */
struct async_stack *async_stack_take(struct async_stacks *stacks);
void async_stack_give_back(struct async_stacks *stacks,
                           struct async_stack *stack);

/* What a task may use: from this address on, so many bytes. */
void *async_stack_start(const struct async_stacks *stacks,
                        const struct async_stack *stack);
size_t async_stack_size(const struct async_stacks *stacks);

/* Whether address lies in the guard page of this stack. */
bool async_stack_overflowed(const struct async_stacks *stacks,
                            const struct async_stack *stack,
                            const void *address);

/* For LeakSanitizer: what the stacks point to is in use. Before the program
   ends, and only then. */
void async_stacks_show(const struct async_stacks *stacks);

/* Gives all of them back to the system. */
void async_stacks_free(struct async_stacks *stacks);

#endif
