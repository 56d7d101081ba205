/*
 * Exercise 7, solved: retries that give a server time to recover.
 *
 * The task is in exercises/07_fix_constant_backoff.md, the contract in the
 * header beside it. Run it: make solution7.
 */
#include "07_fix_constant_backoff.h"

#include <stdio.h>
#include <string.h>

/* A list of what heals: whatever is not in it fails at once, a cancellation
   too. */
static bool may_heal(int err)
{
    switch (err) {
    case LLM_ERATELIMIT:
    case LLM_ECONFLICT:
    case LLM_ESERVER:
    case LLM_ECONNECTION:
    case LLM_ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

/* Sends the request, and sends it again for as long as that may help. */
int send_with_backoff(void *job)
{
    struct backoff *backoff = job;
    double delay = backoff->base_delay;

    for (;;) {
        backoff->attempts++;
        int err = backoff->send(backoff->request);
        if (!may_heal(err) || backoff->attempts > backoff->max_retries)
            return err;

        if (delay > backoff->max_delay)
            delay = backoff->max_delay;
        double asked = backoff->request->retry_after;
        err = async_sleep(asked > delay ? asked : delay);
        if (err)
            return err;
        delay *= 2;
    }
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
