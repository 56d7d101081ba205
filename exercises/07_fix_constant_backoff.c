/*
 * Exercise 7: fix a constant backoff. Retries that are no help.
 *
 * This program is broken: it gives up too early on what heals, and too late on
 * what does not. The task is in exercises/07_fix_constant_backoff.md, the
 * contract in the header beside it. Try it: make exercise7. Stuck: make hint7.
 * Grade it: make verify7.
 */
#include "07_fix_constant_backoff.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Sends the request, and sends it again if that fails. */
int send_with_backoff(void *job)
{
    struct backoff *backoff = job;

    for (int attempt = 0; attempt <= backoff->max_retries; attempt++) {
        backoff->attempts++;
        int err = backoff->send(backoff->request);
        if (err == 0)
            return 0;

        err = async_sleep(backoff->base_delay);
        if (err)
            return err;
    }
    return async_raise(-EIO, "it did not work");
}

/* ---- Given: what `make exercise7` runs --------------------------------- */

#ifndef ASYNC_VERIFY

enum { REQUESTS = 3 };

static double start;

static double seconds(void)
{
    return async_now() - start;
}

static int answer(struct request *request, int status, int err,
                  const char *text)
{
    printf("%4.1f s  %s: %d %s\n", seconds(), request->url, status, text);
    request->status = status;
    return err ? async_raise(err, "%d %s", status, text) : 0;
}

/* A pretended server. It takes 0.5 s to answer, is overloaded for 4 s, and
   until then wants no further request to /limited. */
static int send_request(void *job)
{
    struct request *request = job;
    const char *url = request->url;

    int err = async_sleep(0.5);
    if (err)
        return err;
    request->retry_after = 0;
    if (strcmp(url, "/malformed") == 0)
        return answer(request, 400, LLM_EBADREQUEST, "Bad Request");
    if (strcmp(url, "/overloaded") == 0 && seconds() < 4)
        return answer(request, 503, LLM_ESERVER, "Service Unavailable");
    if (strcmp(url, "/limited") == 0 && seconds() < 4) {
        request->retry_after = 4 - seconds();
        return answer(request, 429, LLM_ERATELIMIT, "Too Many Requests");
    }
    return answer(request, 200, 0, "OK");
}

/* A request on its way, and when it was done. */
struct sending {
    struct request request;
    struct backoff backoff;
    double done;
};

static int send_it(void *job)
{
    struct sending *sending = job;

    sending->backoff = (struct backoff){
        send_request, &sending->request, 2, 1.0, 8.0, 0,
    };
    int err = send_with_backoff(&sending->backoff);
    sending->done = seconds();
    return err;
}

static int send_all(void *job)
{
    struct sending *sendings = job;
    struct async_task tasks[REQUESTS];

    start = async_now();
    for (int i = 0; i < REQUESTS; i++)
        async_spawn(&tasks[i], send_it, &sendings[i]);
    int err = async_gather_all(tasks, REQUESTS);
    if (err)
        return err;
    printf("\n");
    for (int i = 0; i < REQUESTS; i++)
        printf("%s: %s (attempts: %d, %.1f s)\n", sendings[i].request.url,
               tasks[i].err ? tasks[i].errmsg : "done",
               sendings[i].backoff.attempts, sendings[i].done);
    return 0;
}

int main(void)
{
    struct sending sendings[REQUESTS] = {
        {.request = {.url = "/overloaded"}},
        {.request = {.url = "/limited"}},
        {.request = {.url = "/malformed"}},
    };

    async_timeline(4.5); /* the picture's width, before and after */
    return async_main(send_all, sendings);
}

#endif
