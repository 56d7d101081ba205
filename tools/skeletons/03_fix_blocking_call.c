/*
 * Exercise 3: fix a blocking call. A visit that holds up all the others.
 *
 * This program is broken: it fetches every page, but too late. The task is in
 * exercises/03_fix_blocking_call.md, the contract in the header beside it.
 * Try it: make exercise3. Stuck: make hint3. Grade it: make verify3.
 */
#include "03_fix_blocking_call.h"

#include <stdio.h>
#include <time.h>

/* Waits for the page's pause, then fetches the page. */
int visit(void *job)
{
    struct page *page = job;

    long milliseconds = (long)(page->pause * 1000);
    struct timespec pause = {
        .tv_sec = milliseconds / 1000,
        .tv_nsec = milliseconds % 1000 * 1000000,
    };
    nanosleep(&pause, NULL);

    int err = page->requests_get(page);
    if (err)
        return err;
    return 0;
}

/* ---- Given: what `make exercise3` runs --------------------------------- */

#ifndef ASYNC_VERIFY

enum { PAGES = 3 };

static double start;

static void say(const char *what, const struct page *page)
{
    printf("%4.1f s  %s %s\n", async_now() - start, what, page->url);
}

/* await client.get(url): the answer takes 1 s, and others run meanwhile. */
static int client_get(void *job)
{
    struct page *page = job;

    say("GET", page);
    int err = async_sleep(1.0);
    if (err)
        return err;
    page->status = 200;
    say("200", page);
    return 0;
}

/* requests.get(url): the answer takes 1 s, and the whole program waits. */
static int requests_get(void *job)
{
    struct page *page = job;

    say("GET", page);
    async_block(1.0);
    page->status = 200;
    say("200", page);
    return 0;
}

static int visit_all(void *job)
{
    struct page *pages = job;

    start = async_now();
    int err = async_gather_each(visit, pages, PAGES);
    if (err)
        return err;
    printf("\n%d pages in %.1f s.\n", PAGES, async_now() - start);
    return 0;
}

int main(void)
{
    struct page pages[PAGES] = {
        {client_get, requests_get, "https://example.com/posts/1", 0.5, 0},
        {client_get, requests_get, "https://example.com/posts/2", 1.0, 0},
        {client_get, requests_get, "https://example.com/posts/3", 1.5, 0},
    };

    printf("Three pages, after pauses of 0.5, 1.0 and 1.5 s. An answer takes\n"
           "1 s, so all could be here after 2.5 s.\n\n");
    async_timeline(6.0); /* the picture's width, before and after */
    return async_main(visit_all, pages);
}

#endif
