/*
 * poller_epoll.c - Linux's epoll. epoll_pwait2 waits to the nanosecond; where
 * it is missing (in kernels before 5.11, in valgrind), epoll_wait does, to the
 * millisecond.
 */
#include "async/poller.h"

#include "async/checkers.h"

#ifdef ASYNC_EPOLL

#include <errno.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND      INT64_C(1000000000)
#define NS_PER_MILLISECOND INT64_C(1000000)

/* How many ready descriptors are fetched at once; the rest come next turn. */
enum { EVENTS = 256 };

int async_poller_open(struct async_poller *poller)
{
    *poller = (struct async_poller){0};
    poller->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (poller->epoll < 0)
        return -errno;

    /* It would complain of an unknown system call. */
    poller->milliseconds = RUNNING_ON_VALGRIND;
    /* By default the kernel may wake a sleeper 50 us late, to save power. */
    poller->timer_slack = prctl(PR_GET_TIMERSLACK);
    prctl(PR_SET_TIMERSLACK, 1UL);
    return 0;
}

int async_poller_watch(struct async_poller *poller, struct async_fd *fd,
                       int events, int before)
{
    struct epoll_event event = {.data.ptr = fd};
    int operation = !before  ? EPOLL_CTL_ADD
                    : events ? EPOLL_CTL_MOD
                             : EPOLL_CTL_DEL;

    if (events & ASYNC_READABLE)
        event.events |= EPOLLIN;
    if (events & ASYNC_WRITABLE)
        event.events |= EPOLLOUT;
    return epoll_ctl(poller->epoll, operation, fd->fd, &event) ? -errno : 0;
}

static int wait_ms(int epoll, struct epoll_event *events, int64_t nanoseconds)
{
    int64_t ms = nanoseconds < 0 ? -1
                                 : nanoseconds / NS_PER_MILLISECOND +
                                       (nanoseconds % NS_PER_MILLISECOND != 0);

    if (ms > 1000000000)
        ms = 1000000000;
    return epoll_wait(epoll, events, EVENTS, (int)ms);
}

static int wait_ns(struct async_poller *poller, struct epoll_event *events,
                   int64_t nanoseconds)
{
#ifdef SYS_epoll_pwait2
    struct timespec limit = {.tv_sec = nanoseconds / NS_PER_SECOND,
                             .tv_nsec = nanoseconds % NS_PER_SECOND};

    if (!poller->milliseconds) {
        /* The C library's own function came later than the system call. */
        int n = (int)syscall(SYS_epoll_pwait2, poller->epoll, events, EVENTS,
                             nanoseconds < 0 ? NULL : &limit, NULL, 0);
        /* EPERM: a container's filter that is older than the call. */
        if (n >= 0 || (errno != ENOSYS && errno != EPERM))
            return n;
        poller->milliseconds = true;
    }
#endif
    return wait_ms(poller->epoll, events, nanoseconds);
}

int async_poller_wait(struct async_poller *poller, int64_t nanoseconds,
                      void (*happened)(struct async_fd *fd, int events))
{
    struct epoll_event events[EVENTS];
    int n = wait_ns(poller, events, nanoseconds);

    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < n; i++) {
        unsigned bits = events[i].events;
        int what = 0;

        if (bits & (EPOLLIN | EPOLLERR | EPOLLHUP))
            what |= ASYNC_READABLE;
        if (bits & (EPOLLOUT | EPOLLERR | EPOLLHUP))
            what |= ASYNC_WRITABLE;
        happened(events[i].data.ptr, what);
    }
    return 0;
}

void async_poller_close(struct async_poller *poller)
{
    close(poller->epoll);
    if (poller->timer_slack > 0)
        prctl(PR_SET_TIMERSLACK, (unsigned long)poller->timer_slack);
}

#endif
