/*
 * transfer.h - a transfer on the loop, for the files of this library.
 *
 * Check, start, begin_limits, then suspend on wait until ended (or until a
 * callback of one's own resumes it), then finish on every path.
 */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "async/async_loop.h"
#include "async_curl/async_curl.h"

struct transfer {
    struct async_wait wait;
    CURL *easy;
    void *private;       /* the handle's CURLOPT_PRIVATE before it was ours */
    struct shard *shard; /* from start to finish */
    struct transfer *next, *previous;
    bool outside; /* counted as one of the operations in flight */

    bool ended; /* and how: */
    int err;
    CURLcode result; /* if err is 0 */

    struct async_timer timer; /* for the next of its limits */
    struct async_curl_limits limits;
    int64_t begin; /* of the limits */
    bool begun;    /* a part of the answer has been there */
};

/* What every call that starts a transfer refuses; 0 if it is all right. */
int async_curl_check(const char *caller, const CURL *easy,
                     const struct async_curl_limits *limits);

/* Hands the handle over to libcurl. If that fails there is nothing to finish.
 */
int async_curl_start(struct transfer *transfer);

/* Takes the handle back, which closes a transfer that has not ended. */
void async_curl_finish(struct transfer *transfer);

/* From now on the limits count. The timer is cleared by finish, at the latest.
   A limit that is reached ends the transfer. */
int async_curl_begin_limits(struct transfer *transfer);

/* Whether the clock must not jump because the transfer is in flight. It is so
   from its start until it has ended. */
void async_curl_count(struct transfer *transfer, bool outside);

/* The transfer has ended so: its task wakes. */
void async_curl_end(struct transfer *transfer, int err, CURLcode result);

/* How the transfer ended, as an error code with its text. */
int async_curl_outcome(const struct transfer *transfer);

#endif
