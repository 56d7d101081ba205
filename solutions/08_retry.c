/*
 * Exercise 8, solved: any operation, tried again for as long as it is worth it.
 *
 * The task is in exercises/08_retry.md, the contract in the header beside it.
 * Run it: make solution8.
 */
#include "08_retry.h"

#include <errno.h>
#include <stdio.h>

/* for attempt in range(max_retries + 1): try: return await operation() ... */
int retry(void *job)
{
    struct retry *how = job;
    double wait = how->base_delay;

    for (;;) {
        how->attempts++;
        int err = how->operation(how->job);
        /* A cancellation is an order to stop, and no failure: nobody is asked
         * whether it is worth a retry. */
        if (err == 0 || err == ASYNC_ECANCELED)
            return err;
        if (how->attempts > how->max_retries || !how->worth_retrying(err))
            return err;

        err = async_sleep(wait);
        if (err)
            return err;
        wait *= 2;
    }
}

/* ---- Given: what `make exercise8` runs --------------------------------- */

#ifndef ASYNC_VERIFY

enum { DOCUMENTS = 4 };

/* A document, and what the pretended API says to it. */
struct document {
    const char *name;
    bool malformed;   /* 400 Bad Request, whenever it is sent */
    int overloaded;   /* so many times, 503 Service Unavailable */
    double needed;    /* after so many seconds it is not needed any more */
    struct retry how; /* its job is the document itself */
};

static double start;

static int call_api(void *job)
{
    struct document *document = job;

    int err = async_sleep(0.5);
    if (err)
        return err;
    if (document->malformed)
        err = async_raise(-EINVAL, "400 Bad Request");
    else if (document->overloaded-- > 0)
        err = async_raise(-EBUSY, "503 Service Unavailable");
    printf("%4.1f s  %s: %s\n", async_now() - start, document->name,
           err ? async_errmsg(err) : "200 OK");
    return err;
}

static bool is_overload(int err)
{
    return err == -EBUSY;
}

/* One document, with retries, for as long as it is needed. */
static int send_document(void *job)
{
    struct document *document = job;

    document->how = (struct retry){call_api, document, is_overload, 2, 1.0, 0};
    return async_wait_for(retry, &document->how, document->needed);
}

static int send_all(void *job)
{
    struct document *documents = job;
    struct async_task tasks[DOCUMENTS];

    start = async_now();
    for (int i = 0; i < DOCUMENTS; i++)
        async_spawn(&tasks[i], send_document, &documents[i]);
    int err = async_gather_all(tasks, DOCUMENTS);
    if (err)
        return err;
    printf("\n");
    for (int i = 0; i < DOCUMENTS; i++)
        printf("%s: %s (attempts: %d)\n", documents[i].name,
               tasks[i].err ? tasks[i].errmsg : "done",
               documents[i].how.attempts);
    printf("Total: %.1f s\n", async_now() - start);
    return tasks[0].err; /* of the one that is to succeed */
}

int main(void)
{
    struct document documents[DOCUMENTS] = {
        {.name = "doc_0.pdf", .overloaded = 2, .needed = 60},
        {.name = "doc_1.pdf", .overloaded = 9, .needed = 60},
        {.name = "doc_2.pdf", .malformed = true, .needed = 60},
        {.name = "doc_3.pdf", .overloaded = 9, .needed = 1.2},
    };

    async_timeline(4.5);
    return async_main(send_all, documents);
}

#endif
