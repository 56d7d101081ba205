/*
 * Exercise 9: fix a missing semaphore. A batch that is too much for its server.
 *
 * This program is broken: it asks for all pages at once, and most of them are
 * refused. The task is in exercises/09_fix_no_semaphore.md, the contract in the
 * header beside it.
 * Try it: make exercise9. Stuck: make hint9. Grade it: make verify9.
 */
#include "09_fix_no_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* What one task works on: a page, and the batch that it is of. */
struct place {
    struct fetch_batch *batch;
    struct fetch *fetch;
};

/* result = await fetch(url) */
static int fetch_one(void *job)
{
    struct place *place = job;
    struct fetch_batch *batch = place->batch;
    struct fetch *fetch = place->fetch;

    int err = batch->fetch(fetch);

    fetch->success = err == 0;
    if (err)
        snprintf(fetch->error, sizeof fetch->error, "%s", async_errmsg(err));
    else
        batch->completed++;
    return 0; /* one page that is not there does not stop the others */
}

/* results = await asyncio.gather(*[fetch(url) for url in urls]) */
int fetch_all(void *job)
{
    struct fetch_batch *batch = job;
    struct place *places = calloc(batch->n, sizeof *places);

    if (!places && batch->n > 0) /* calloc(0) may give NULL, too */
        return -ENOMEM;
    for (size_t i = 0; i < batch->n; i++)
        places[i] = (struct place){batch, &batch->fetches[i]};

    int err = async_gather_each(fetch_one, places, batch->n);
    free(places);
    return err;
}

/* ---- Given: what `make exercise9` runs --------------------------------- */

#ifndef ASYNC_VERIFY

enum { PAGES = 12, SERVER_TAKES = 5 };

/* The pretended server, and what it counts. */
static struct {
    int in_flight, most, requests;
} server;

/*
 * await client.get(url): the server works on five requests at a time, each for
 * 0.4 to 0.8 s; any other is refused, and 0.1 s later that is known.
 */
static int get(void *job)
{
    (void)job;
    double seconds = 0.4 + 0.2 * (server.requests++ % 3);
    bool refused = server.in_flight >= SERVER_TAKES;

    server.in_flight++;
    if (server.in_flight > server.most)
        server.most = server.in_flight;
    int err = async_sleep(refused ? 0.1 : seconds);
    server.in_flight--;
    if (!err && refused)
        err = async_raise(-EBUSY, "429 Too Many Requests");
    return err;
}

static int fetch_pages(void *job)
{
    struct fetch_batch *batch = job;
    double start = async_now();

    int err = fetch_all(batch);
    if (err)
        return err;
    for (size_t i = 0; i < batch->n; i++) {
        const struct fetch *fetch = &batch->fetches[i];
        printf("  %-30s  %s\n", fetch->url,
               fetch->success ? "fetched" : fetch->error);
    }
    printf("\n%zu of %zu pages after %.1f s, with up to %d at a time.\n",
           batch->completed, batch->n, async_now() - start, server.most);
    return 0;
}

int main(void)
{
    struct fetch fetches[PAGES] = {0};
    char urls[PAGES][40];
    struct fetch_batch batch = {get, fetches, PAGES, SERVER_TAKES, 0};

    for (int i = 0; i < PAGES; i++) {
        snprintf(urls[i], sizeof urls[i], "https://example.com/posts/%d",
                 i + 1);
        fetches[i].url = urls[i];
    }
    printf("%d pages, of a server that works on %d at a time:\n\n", PAGES,
           SERVER_TAKES);
    async_timeline(2.0); /* the picture's width, before and after */
    return async_main(fetch_pages, &batch);
}

#endif
