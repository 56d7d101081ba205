/*
 * poller.h - waiting for file descriptors and for the time, in one call.
 *
 * The one part that each system does its own way. poller_epoll.c is Linux's;
 * poller_poll.c, for every other system (or with -DASYNC_POLL), needs nothing
 * but POSIX.
 */
#ifndef ASYNC_POLLER_H
#define ASYNC_POLLER_H

#include "async/async_loop.h"

#include <poll.h>

#if defined(__linux__) && !defined(ASYNC_POLL)
#define ASYNC_EPOLL
#endif

struct async_poller {
#ifdef ASYNC_EPOLL
    int epoll;
    int timer_slack;   /* the thread's own, put back at the end */
    bool milliseconds; /* this kernel has no epoll_pwait2 */
#else
    struct pollfd *fds; /* and, at the same index, whose they are */
    struct async_fd **watched;
    size_t count, room;
#endif
};

/* All three return 0 or a negative errno value. */
int async_poller_open(struct async_poller *poller);

/* before: the events that were watched so far; 0 if none. */
int async_poller_watch(struct async_poller *poller, struct async_fd *fd,
                       int events, int before);

/*
 * Waits for at most so many nanoseconds of real time (0: not at all, negative:
 * without end), and calls happened for each descriptor that is ready. A signal
 * ends the wait early.
 */
int async_poller_wait(struct async_poller *poller, int64_t nanoseconds,
                      void (*happened)(struct async_fd *fd, int events));

void async_poller_close(struct async_poller *poller);

#endif
