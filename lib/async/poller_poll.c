/*
 * poller_poll.c - POSIX's poll: for a few hundred descriptors, and to the
 * millisecond, on every system.
 */
#include "async/poller.h"

#ifndef ASYNC_EPOLL

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#define NS_PER_MILLISECOND INT64_C(1000000)

int async_poller_open(struct async_poller *poller)
{
    *poller = (struct async_poller){0};
    return 0;
}

static int grow(struct async_poller *poller)
{
    size_t room = poller->room ? 2 * poller->room : 16;
    struct pollfd *fds = realloc(poller->fds, room * sizeof *fds);

    if (!fds)
        return -ENOMEM;
    poller->fds = fds;

    struct async_fd **watched =
        realloc(poller->watched, room * sizeof *watched);
    if (!watched)
        return -ENOMEM;
    poller->watched = watched;
    poller->room = room;
    return 0;
}

static size_t find(const struct async_poller *poller, const struct async_fd *fd)
{
    size_t i = 0;

    while (i < poller->count && poller->watched[i] != fd)
        i++;
    return i;
}

static short poll_events(int events)
{
    return (short)((events & ASYNC_READABLE ? POLLIN : 0) |
                   (events & ASYNC_WRITABLE ? POLLOUT : 0));
}

int async_poller_watch(struct async_poller *poller, struct async_fd *fd,
                       int events, int before)
{
    size_t i = find(poller, fd);

    if (!before) {
        if (fcntl(fd->fd, F_GETFD) < 0)
            return -errno;
        if (poller->count == poller->room) {
            int err = grow(poller);
            if (err)
                return err;
        }
        i = poller->count++;
        poller->watched[i] = fd;
    }
    poller->fds[i] =
        (struct pollfd){.fd = fd->fd, .events = poll_events(events)};
    if (!events) {
        poller->count--;
        poller->fds[i] = poller->fds[poller->count];
        poller->watched[i] = poller->watched[poller->count];
    }
    return 0;
}

static int milliseconds(int64_t nanoseconds)
{
    int64_t ms = nanoseconds / NS_PER_MILLISECOND +
                 (nanoseconds % NS_PER_MILLISECOND > 0);

    return nanoseconds < 0 ? -1 : ms > INT_MAX ? INT_MAX : (int)ms;
}

int async_poller_wait(struct async_poller *poller, int64_t nanoseconds,
                      void (*happened)(struct async_fd *fd, int events))
{
    int n = poll(poller->fds, (nfds_t)poller->count, milliseconds(nanoseconds));

    /* Memory that the system lacks at this moment it may have at the next. */
    if (n < 0)
        return errno == EINTR || errno == EAGAIN || errno == ENOMEM ? 0
                                                                    : -errno;
    /* happened() only queues a callback: the arrays stay as they are. */
    for (size_t i = 0; n > 0 && i < poller->count; i++) {
        short bits = poller->fds[i].revents;
        int what = 0;

        if (!bits)
            continue;
        n--;
        if (bits & (POLLIN | POLLERR | POLLHUP | POLLNVAL))
            what |= ASYNC_READABLE;
        if (bits & (POLLOUT | POLLERR | POLLHUP | POLLNVAL))
            what |= ASYNC_WRITABLE;
        happened(poller->watched[i], what);
    }
    return 0;
}

void async_poller_close(struct async_poller *poller)
{
    free(poller->fds);
    free(poller->watched);
}

#endif
