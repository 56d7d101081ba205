/*
 * stream.c - a transfer whose body is read piece by piece.
 *
 * libcurl brings the body when it comes, the reader takes it when it likes, and
 * between them is a buffer. While that is full the transfer is paused, and so,
 * by and by, is the server.
 */
#include "async_curl/transfer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Room for a piece of libcurl's while another is being read. */
enum { BUFFER_SIZE = 2 * CURL_MAX_WRITE_SIZE };

struct async_curl_private_stream {
    struct transfer transfer;
    bool paused;        /* libcurl keeps what it has until curl_easy_pause */
    bool reading;       /* a task waits */
    double piece_limit; /* of async_curl_read, in seconds */
    size_t begin, size; /* what is there, in the buffer */
    char buffer[BUFFER_SIZE];
};

/* CURLOPT_WRITEFUNCTION. A piece that does not fit is brought again later. */
static size_t keep(char *data, size_t one, size_t size, void *owner)
{
    struct async_curl_private_stream *stream = owner;

    (void)one;
    if (size > BUFFER_SIZE - stream->size) {
        /* From now on it is the reader whom everything waits for. */
        stream->paused = true;
        async_curl_count(&stream->transfer, false);
        return CURL_WRITEFUNC_PAUSE;
    }
    if (stream->begin > 0)
        memmove(stream->buffer, stream->buffer + stream->begin, stream->size);
    stream->begin = 0;
    memcpy(stream->buffer + stream->size, data, size);
    stream->size += size;
    stream->transfer.begun = true;
    async_resume(&stream->transfer.wait);
    return size;
}

/* Suspends until there is something to read, or the end. */
static int wait(struct async_curl_private_stream *stream, const char *caller)
{
    struct transfer *transfer = &stream->transfer;
    int err = 0;

    if (stream->reading)
        return async_raise(-EBUSY, "%s: another task waits for this stream",
                           caller);
    if (stream->size > 0 || transfer->ended)
        return 0;
    stream->reading = true;
    err = async_curl_begin_limits(transfer);
    while (!err && stream->size == 0 && !transfer->ended)
        err = async_suspend(&transfer->wait, caller);
    async_timer_clear(&transfer->timer);
    /* The task may be gone when the transfer goes on. */
    transfer->wait.task = NULL;
    stream->reading = false;
    return err;
}

int async_curl_open(struct async_curl_stream *stream, CURL *easy,
                    const struct async_curl_limits *limits)
{
    struct async_curl_private_stream *private;
    int err = async_curl_check("async_curl_open", easy, limits);

    stream->async_private = NULL;
    if (err)
        return err;
    private = calloc(1, sizeof *private);
    if (!private)
        return -ENOMEM;
    private->transfer = (struct transfer){
        .wait = {.what = "waits for the network", .reason = ASYNC_FOR_NETWORK},
        .easy = easy,
        .limits = *limits,
    };
    private->piece_limit = limits->total;
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, private);
    err = async_curl_start(&private->transfer);
    if (err) {
        free(private);
        return err;
    }
    stream->async_private = private;
    err = wait(private, "async_curl_open");
    if (!err && private->transfer.ended && private->size == 0)
        err = async_curl_outcome(&private->transfer);
    if (err)
        async_curl_close(stream);
    return err;
}

/* Now that there is room, libcurl brings what it has kept, at once or later. */
static void go_on(struct async_curl_private_stream *stream)
{
    stream->paused = false;
    async_curl_count(&stream->transfer, true);
    CURLcode code = curl_easy_pause(stream->transfer.easy, CURLPAUSE_CONT);
    if (code)
        async_curl_end(&stream->transfer, 0, code);
}

int async_curl_read_within(struct async_curl_stream *stream, void *buffer,
                           size_t size, size_t *n, double seconds)
{
    struct async_curl_private_stream *private = stream->async_private;

    *n = 0;
    if (!async_in_task("async_curl_read"))
        return ASYNC_ENOLOOP;
    if (isnan(seconds))
        return async_raise(-EINVAL,
                           "async_curl_read: the limit is not a number");
    if (!private || !size)
        return async_raise(-EINVAL, "async_curl_read: %s",
                           private ? "there is no room to read into"
                                   : "the stream is not open");
    /* What it waited for first was to connect, and that has been. */
    private->transfer.limits = (struct async_curl_limits){.total = seconds};
    int err = wait(private, "async_curl_read");
    if (err)
        return err;
    if (private->size == 0)
        return async_curl_outcome(&private->transfer);
    *n = size < private->size ? size : private->size;
    memcpy(buffer, private->buffer + private->begin, *n);
    private->begin += *n;
    private->size -= *n;
    /* One that has ended while it was paused has failed: without memory, say,
       and libcurl must not be asked to go on with it. */
    if (private->paused && private->size == 0 && !private->transfer.ended)
        go_on(private);
    return 0;
}

int async_curl_read(struct async_curl_stream *stream, void *buffer, size_t size,
                    size_t *n)
{
    const struct async_curl_private_stream *private = stream->async_private;

    return async_curl_read_within(stream, buffer, size, n,
                                  private ? private->piece_limit : 0);
}

void async_curl_close(struct async_curl_stream *stream)
{
    struct async_curl_private_stream *private = stream->async_private;

    if (private)
        async_curl_finish(&private->transfer);
    free(private);
    stream->async_private = NULL;
}
