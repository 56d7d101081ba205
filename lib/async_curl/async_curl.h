/*
 * async_curl.h - curl_easy_perform() that suspends the task, not the thread.
 *
 * A handle is set up as always, with curl_easy_init and curl_easy_setopt. Only
 * the call that waits for the transfer is another one, and others run
 * meanwhile:
 *
 *     err = async_curl_perform(easy);
 *
 * Connections are kept, and reused by later transfers, until async_run returns.
 * While a transfer runs, its handle's CURLOPT_PRIVATE is ours; NOSIGNAL and
 * QUICK_EXIT stay set. The handle's callbacks (CURLOPT_WRITEFUNCTION ...) run
 * outside any task and must not suspend. Time limits set by CURLOPT_TIMEOUT and
 * its like are real seconds, whatever clock the runtime follows.
 *
 * [async with client.get(url) as response; Common Mistakes, 3]
 */
#ifndef ASYNC_CURL_H
#define ASYNC_CURL_H

#include "async/async.h"

#include <curl/curl.h>

/*
 * Performs the transfer. Returns
 *   0                   libcurl carried it out; what the server answered, a
 *                       status of 404, say, is not its concern
 *   ASYNC_CURL_E(code)  it failed with this CURLcode; async_errmsg names the
 *                       host and the reason
 *   -EMFILE             no descriptor was left for its connection: too many
 *                       run at once (async_semaphore limits them), or the
 *                       limit is too low (ulimit -n)
 *   ASYNC_ECANCELED     the task was cancelled; the transfer has been closed
 *   -EBUSY              the handle is in another transfer
 *   -EINVAL, -ENOMEM, ASYNC_ENOLOOP
 * The handle stays the caller's, and can be used again at once.
 */
int async_curl_perform(CURL *easy) ASYNC_SUSPENDS;

/* Time limits on the runtime's clock, in seconds; 0: none. */
struct async_curl_limits {
    double connect; /* until the connection stands and the request goes out */
    double total;   /* until the answer is there */
};

/*
 * The same within time limits: ASYNC_ETIMEDOUT if one was exceeded, and the
 * transfer has been closed.
 */
int async_curl_perform_within(
    CURL *easy, const struct async_curl_limits *limits) ASYNC_SUSPENDS;

/*
 * Two system calls fewer for each transfer on a connection that is used again:
 * those that this handle opens stay watched between transfers. Its
 * OPENSOCKETFUNCTION and CLOSESOCKETFUNCTION become ours.
 */
void async_curl_keep_watched(CURL *easy);

/* ---- Reading an answer as it comes ------------------------------------- */

/*
 * A transfer whose body is read piece by piece. What has come and was not read
 * yet is kept, up to some 32 KiB; then the server has to wait. All zeroes until
 * it is opened; it belongs to the task that reads it.
 * [async for chunk in response.aiter_bytes()]
 */
struct async_curl_stream {
    struct async_curl_private_stream *async_private; /* leave it alone */
};

/*
 * Starts the transfer, and waits until the body begins or all of it has ended:
 * then the answer's status and headers are there. The handle's WRITEFUNCTION
 * and WRITEDATA become ours. Returns what async_curl_perform returns, and
 * ASYNC_ETIMEDOUT. limits->total is how long the body may take to begin, and
 * later how long each further piece may; time between reads does not count.
 * If it fails there is nothing to close.
 */
int async_curl_open(struct async_curl_stream *stream, CURL *easy,
                    const struct async_curl_limits *limits) ASYNC_SUSPENDS;

/*
 * Copies what there is, up to size bytes, into buffer, and waits if there is
 * nothing yet. *n is how many bytes; 0: the body has ended as it should. Errors
 * as above; what came before an error is read first. After ASYNC_ECANCELED the
 * stream may be read on.
 */
int async_curl_read(struct async_curl_stream *stream, void *buffer, size_t size,
                    size_t *n) ASYNC_SUSPENDS;

/* The same, but this piece may take so many seconds, from now on; 0: any time.
 */
int async_curl_read_within(struct async_curl_stream *stream, void *buffer,
                           size_t size, size_t *n,
                           double seconds) ASYNC_SUSPENDS;

/*
 * Ends the transfer, wherever it is, and leaves the stream all zeroes; nothing
 * if it is. Every stream that was opened is closed before its handle is used
 * again, and before async_run returns. The handle stays the caller's.
 */
void async_curl_close(struct async_curl_stream *stream);

/* ---- Errors ------------------------------------------------------------ */

/*
 * The error code of a transfer that failed in libcurl, and the way back from it
 * (CURLE_OK if err is none of these):
 *
 *     if (err == ASYNC_CURL_E(CURLE_COULDNT_CONNECT)) ...
 */
#define ASYNC_CURL_E(code) (-1100 - (int)(code))
CURLcode async_curl_code(int err);

/*
 * For the result of a curl_easy_perform of one's own: records the same text as
 * async_curl_perform would, and returns ASYNC_CURL_E(code), or -EMFILE; 0 for
 * CURLE_OK.
 */
int async_curl_raise(CURL *easy, CURLcode code);

/* ---- Where a task waits ------------------------------------------------ */

/* See the end of async.h. */
#ifndef TRANSFER_H
#define async_curl_perform(easy) ASYNC_HERE(async_curl_perform(easy))
#define async_curl_perform_within(easy, limits)                                \
    ASYNC_HERE(async_curl_perform_within((easy), (limits)))
#define async_curl_open(stream, easy, limits)                                  \
    ASYNC_HERE(async_curl_open((stream), (easy), (limits)))
#define async_curl_read(stream, buffer, size, n)                               \
    ASYNC_HERE(async_curl_read((stream), (buffer), (size), (n)))
#define async_curl_read_within(stream, buffer, size, n, seconds)               \
    ASYNC_HERE(                                                                \
        async_curl_read_within((stream), (buffer), (size), (n), (seconds)))
#endif

#endif
