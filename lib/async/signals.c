/*
 * signals.c - Ctrl-C.
 *
 * The first one cancels the main task: every task unwinds and cleans up. The
 * second stops the program at once. Signals belong to the main thread's loop.
 */
#include "async/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>
#endif

static volatile sig_atomic_t interrupts;
/* A byte written here ends the loop's wait, also if it has not begun yet. */
static int wake_pipe[2] = {-1, -1};
static struct async_fd wake_fd;
static struct sigaction old_interrupt;

int async_interrupts(void)
{
    return interrupts;
}

static void on_interrupt(int number)
{
    int saved = errno;

    if (++interrupts > 1) {
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

static void drain_wake_pipe(struct async_fd *fd, int events)
{
    char bytes[16];

    (void)events;
    while (read(fd->fd, bytes, sizeof bytes) > 0) {
        /* Only that something was written matters. */
    }
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
    if (pipe(wake_pipe))
        return -errno;
    for (int i = 0; i < 2; i++) {
        fcntl(wake_pipe[i], F_SETFD, FD_CLOEXEC);
        fcntl(wake_pipe[i], F_SETFL, O_NONBLOCK);
    }
    wake_fd = (struct async_fd){.fd = wake_pipe[0], .ready = drain_wake_pipe};
    async_fd_init(&wake_fd);
    int err = async_poller_watch(&loop->poller, &wake_fd, ASYNC_READABLE, 0);
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
    struct sigaction action = {.sa_handler = on_interrupt};

    if (!is_main_thread())
        return 0;

    sigaction(SIGINT, NULL, &old_interrupt);
    int err = async_overflow_open();
    if (err)
        return err;
    err = open_wake_pipe(loop);
    if (err) {
        async_overflow_close();
        return err;
    }
    loop->takes_signals = true;
    signal(SIGPIPE, SIG_IGN);
    interrupts = 0;
    /* Whoever started us with Ctrl-C ignored (nohup, &) wants it ignored. */
    sigemptyset(&action.sa_mask);
    if (old_interrupt.sa_handler != SIG_IGN)
        sigaction(SIGINT, &action, NULL);
    return 0;
}

void async_signals_close(struct async_loop *loop)
{
    if (!loop->takes_signals)
        return;
    sigaction(SIGINT, &old_interrupt, NULL);
    close_wake_pipe();
    async_overflow_close();
}
