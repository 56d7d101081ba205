/*
 * dump.c - counts of a process that a signal ends.
 *
 * gcov writes its counts when a process exits. Those tests that provoke a crash
 * or an abort do so in a child which never does: it writes them here first. Is
 * linked into the tests for `make coverage` only.
 */
#include <gcov.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

/* On the alternate stack, if there is one: a task may have used up its own. */
static void dump(int number)
{
    __gcov_dump();
    signal(number, SIG_DFL);
    raise(number);
}

static void dump_before_the_end(void)
{
    struct sigaction action = {.sa_handler = dump, .sa_flags = SA_ONSTACK};

    sigemptyset(&action.sa_mask);
    sigaction(SIGABRT, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
}

/* In children: cmocka has handlers of its own. */
__attribute__((constructor)) static void prepare(void)
{
    pthread_atfork(NULL, NULL, dump_before_the_end);
}
