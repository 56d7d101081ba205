/*
 * signals.c - Ctrl-C and Ctrl-\.
 *
 * The first Ctrl-C cancels the main task: every task unwinds and cleans up. The
 * second stops the program at once. Ctrl-\ shows what every task is doing.
 * Signals belong to the main thread's loop.
 */
#include "async/runtime.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif

volatile sig_atomic_t async_interrupts;
/* A byte written here ends the loop's wait, also if it has not begun yet. */
static int wake_pipe[2] = {-1, -1};
static struct async_fd wake_fd;
static struct sigaction old_interrupt, old_quit;
static struct async_loop *volatile main_loop;
static pthread_t main_thread;

static void on_interrupt(int number)
{
    int saved = errno;

    if (++async_interrupts > 1) {
        signal(number, SIG_DFL);
        raise(number); /* it comes when this handler has returned */
        return;
    }
    /* A task that runs at this moment may be one that never suspends again. */
    if (async_current())
        async_say("async: interrupted; Ctrl-C once more stops at once.\n");
    if (write(wake_pipe[1], "", 1) < 0) {
        /* The pipe is full of wake-ups: one more would not help. */
    }
    errno = saved;
}

/* At once and not from the loop: a task in an endless loop is what one wants to
   see. */
static void on_quit(int number)
{
    int saved = errno;

    if (pthread_equal(pthread_self(), main_thread))
        async_dump_loop(main_loop);
    else
        pthread_kill(main_thread, number); /* whose tasks they are */
    errno = saved;
}

/* Whoever started us with a signal ignored (nohup, &) wants it ignored. */
static void handle(int number, void (*handler)(int), struct sigaction *old)
{
    struct sigaction action = {.sa_handler = handler,
                               .sa_flags = SA_ONSTACK | SA_RESTART};

    sigemptyset(&action.sa_mask);
    sigaction(number, NULL, old);
    if (old->sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

static void drain_wake_pipe(struct async_fd *fd, int events)
{
    (void)events;
    async_pipe_drain(fd->fd);
}

static void close_wake_pipe(void)
{
    close(wake_pipe[0]);
    close(wake_pipe[1]);
}

/*
 * The pipe is not watched with async_fd_watch: nobody waits for Ctrl-C, so a
 * loop that waits for nothing else is a deadlock all the same.
 */
static int open_wake_pipe(struct async_loop *loop)
{
    int err = async_pipe_open(wake_pipe);

    if (err)
        return err;
    wake_fd = (struct async_fd){.fd = wake_pipe[0], .ready = drain_wake_pipe};
    async_fd_init(&wake_fd);
    err = async_poller_watch(&loop->poller, &wake_fd, ASYNC_READABLE, 0);
    if (err)
        close_wake_pipe();
    return err;
}

static bool is_main_thread(void)
{
#ifdef __linux__
    return syscall(SYS_gettid) == getpid();
#else
    return pthread_main_np();
#endif
}

int async_signals_open(struct async_loop *loop)
{
    int err = async_overflow_open();

    if (err || !is_main_thread())
        return err;
    err = open_wake_pipe(loop);
    if (err) {
        async_overflow_close();
        return err;
    }
    loop->takes_signals = true;
    async_interrupts = 0;
    main_thread = pthread_self();
    main_loop = loop;
    handle(SIGINT, on_interrupt, &old_interrupt);
    handle(SIGQUIT, on_quit, &old_quit);
    return 0;
}

void async_signals_close(struct async_loop *loop)
{
    async_overflow_close();
    if (!loop->takes_signals)
        return;
    sigaction(SIGINT, &old_interrupt, NULL);
    sigaction(SIGQUIT, &old_quit, NULL);
    main_loop = NULL;
    close_wake_pipe();
}
