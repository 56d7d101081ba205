/* fails b: only the fetch was fixed */
#include "03_fix_blocking_call.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

int visit(void *job)
{
    struct page *page = job;

    struct timespec pause = {
        .tv_sec = (time_t)page->pause,
        .tv_nsec = (long)(page->pause * 1e9) % 1000000000,
    };
    nanosleep(&pause, NULL);
    return page->client_get(page);
}
