/*
 * descriptor.c - waiting until a file descriptor is ready.
 *
 * A descriptor is handed to the poller once, for whoever reads and whoever
 * writes together; so there is an entry for each number, found by the number.
 */
#include "async/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct async_descriptor {
    struct async_fd fd;
    struct async_wait *reader, *writer; /* on their tasks' stacks */
};

/* Watches for what somebody waits for. */
static int watch(struct async_descriptor *descriptor)
{
    return async_fd_watch(&descriptor->fd,
                          (descriptor->reader ? ASYNC_READABLE : 0) |
                              (descriptor->writer ? ASYNC_WRITABLE : 0));
}

static void wake(struct async_wait **waiter)
{
    struct async_wait *wait = *waiter;

    *waiter = NULL;
    if (wait)
        async_resume(wait);
}

/* One of the two has gone. If the other cannot be watched for, it looks for
   itself, and is told what is wrong. */
static void watch_for_rest(struct async_descriptor *descriptor)
{
    if (watch(descriptor)) {
        wake(&descriptor->reader);
        wake(&descriptor->writer);
    }
}

static void ready(struct async_fd *fd, int events)
{
    struct async_descriptor *descriptor =
        CONTAINER_OF(fd, struct async_descriptor, fd);

    if (events & ASYNC_READABLE)
        wake(&descriptor->reader);
    if (events & ASYNC_WRITABLE)
        wake(&descriptor->writer);
    watch_for_rest(descriptor);
}

/* NULL without memory. */
static struct async_descriptor *find(struct async_loop *loop, size_t number)
{
    if (number >= loop->descriptor_room) {
        size_t room = 2 * number + 16;
        struct async_descriptor **more = realloc(
            loop->descriptors, room * sizeof(struct async_descriptor *));

        if (!more)
            return NULL;
        for (size_t i = loop->descriptor_room; i < room; i++)
            more[i] = NULL;
        loop->descriptors = more;
        loop->descriptor_room = room;
    }
    if (!loop->descriptors[number]) {
        struct async_descriptor *descriptor = calloc(1, sizeof *descriptor);

        if (!descriptor)
            return NULL;
        descriptor->fd = (struct async_fd){.fd = (int)number, .ready = ready};
        loop->descriptors[number] = descriptor;
    }
    return loop->descriptors[number];
}

void async_descriptors_free(struct async_loop *loop)
{
    for (size_t i = 0; i < loop->descriptor_room; i++)
        free(loop->descriptors[i]);
    free(loop->descriptors);
}

/* ---- Pipes that wake the loop ------------------------------------------ */

int async_pipe_open(int ends[2])
{
    if (pipe(ends))
        return -errno;
    for (int i = 0; i < 2; i++) {
        if (fcntl(ends[i], F_SETFD, FD_CLOEXEC) ||
            fcntl(ends[i], F_SETFL, O_NONBLOCK)) {
            int err = -errno;

            close(ends[0]);
            close(ends[1]);
            return err;
        }
    }
    return 0;
}

void async_pipe_drain(int end)
{
    char bytes[64];

    while (read(end, bytes, sizeof bytes) > 0) {
        /* Only that something was written matters. */
    }
}

/* ---- Waiting ----------------------------------------------------------- */

static int wait_there(struct async_descriptor *descriptor,
                      struct async_wait **waiter, struct async_wait *wait,
                      const char *whom)
{
    if (*waiter)
        return async_raise(-EBUSY, "another task waits for descriptor %d",
                           descriptor->fd.fd);
    *waiter = wait;
    int err = watch(descriptor);
    if (err) {
        *waiter = NULL;
        /* A regular file: it cannot be waited for, and never blocks. */
        return err == -EPERM ? async_yield() : err;
    }
    async_outside_begin();
    err = async_suspend(wait, whom);
    async_outside_end();
    if (*waiter == wait) {
        *waiter = NULL; /* cancelled, not woken */
        watch_for_rest(descriptor);
    }
    return err;
}

static int wait_for(int fd, bool to_read, const char *whom)
{
    struct async_wait wait = {.what = to_read ? "waits to read a descriptor"
                                              : "waits to write a descriptor",
                              .reason = ASYNC_FOR_NETWORK};

    if (!async_current_for(whom))
        return ASYNC_ENOLOOP;
    if (fd < 0 || (size_t)fd >= async_loop->descriptor_room)
        if (fcntl(fd, F_GETFD) < 0)
            return -EBADF; /* before there is an entry for it */
    struct async_descriptor *descriptor = find(async_loop, (size_t)fd);
    if (!descriptor)
        return ASYNC_ENOMEM;
    return wait_there(descriptor,
                      to_read ? &descriptor->reader : &descriptor->writer,
                      &wait, whom);
}

int async_wait_readable(int fd)
{
    return wait_for(fd, true, "async_wait_readable");
}

int async_wait_writable(int fd)
{
    return wait_for(fd, false, "async_wait_writable");
}
