/*
 * overflow.c - a task has used up its stack.
 *
 * It then touches the guard page below the stack, and the system sends SIGSEGV.
 * The handler runs on a stack of its own, for the task's is full, and says
 * which task it was.
 */
#include "async/runtime.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __linux__
#include <sys/auxv.h>
#endif

#ifndef ASYNC_ASAN /* whose own handler says more */

/* The handlers are the process's, as long as any thread runs a loop. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned loops;
static struct sigaction old_segv, old_bus;
/* The stack on which they run is the thread's. */
static _Thread_local stack_t signal_stack, old_stack;
static char stack_size[24]; /* in KiB; a handler cannot print numbers */

static void restore_handlers(void)
{
    sigaction(SIGSEGV, &old_segv, NULL);
    sigaction(SIGBUS, &old_bus, NULL);
}

static void on_bad_address(int number, siginfo_t *info, void *context)
{
    struct async_loop *loop = async_loop;
    struct async_coroutine *task = loop ? loop->current : NULL;

    (void)context;
    if (task && task->stack &&
        async_stack_overflowed(&loop->stacks, task->stack, info->si_addr)) {
        async_say("async: stack overflow in task ");
        async_say(task->name);
        if (task->spawned_at) {
            async_say(", spawned at ");
            async_say(task->spawned_at);
        }
        async_say(".\n  Each task has a stack of ");
        async_say(stack_size);
        async_say(" KiB. Endless recursion or large local\n  arrays use it up: "
                  "allocate large things with malloc.\n");
    }
    /* Back to the faulting instruction: it faults again, and this time the
       system does what it always does, a core file of the right place
       included. */
    restore_handlers();
    if (info->si_code <= 0)
        raise(number); /* no instruction faulted: somebody sent it */
}

static size_t signal_stack_size(void)
{
    size_t size = 16 * 1024;
#if defined(__linux__) && defined(AT_MINSIGSTKSZ)
    /* The registers that the kernel saves there grow with every processor. */
    size += getauxval(AT_MINSIGSTKSZ);
#endif
    return size;
}

static void install_handlers(void)
{
    struct sigaction action = {.sa_sigaction = on_bad_address,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK};

    snprintf(stack_size, sizeof stack_size, "%zu",
             (size_t)ASYNC_STACK_SIZE / 1024);
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &old_segv);
    sigaction(SIGBUS, &action, &old_bus);
}

int async_overflow_open(void)
{
    signal_stack.ss_size = signal_stack_size();
    signal_stack.ss_sp = malloc(signal_stack.ss_size);
    if (!signal_stack.ss_sp)
        return -ENOMEM;
    sigaltstack(&signal_stack, &old_stack);
    pthread_mutex_lock(&lock);
    if (loops++ == 0)
        install_handlers();
    pthread_mutex_unlock(&lock);
    return 0;
}

void async_overflow_close(void)
{
    pthread_mutex_lock(&lock);
    if (--loops == 0)
        restore_handlers();
    pthread_mutex_unlock(&lock);
    sigaltstack(&old_stack, NULL);
    free(signal_stack.ss_sp);
}

#else

int async_overflow_open(void)
{
    return 0;
}

void async_overflow_close(void)
{
}

#endif
