/* a table of functions */
#include "03_fix_blocking_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int pause_page(void *job)
{
    struct page *page = job;
    return async_sleep(page->pause);
}

static int get_page(void *job)
{
    struct page *page = job;
    return page->client_get(job);
}

int visit(void *job)
{
    static async_fn *const steps[] = {pause_page, get_page, NULL};
    int err = 0;
    for (async_fn *const *step = steps; *step && !err; step++)
        err = (*step)(job);
    return err;
}
