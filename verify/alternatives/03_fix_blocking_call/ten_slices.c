/* the pause in ten slices, and an array of one page */
#include "03_fix_blocking_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int visit(void *job)
{
    struct page *page = job;

    double start = async_now(), end = start + page->pause;
    for (int i = 1; async_now() < end; i++) {
        double next = i < 10 ? start + page->pause * i / 10 : end;
        int err = async_sleep(next - async_now());
        if (err)
            return err;
    }
    printf("GET %s\n", page->url);
    return async_gather_each(page->client_get, page, 1);
}
