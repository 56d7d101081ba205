/* fails b: fetches first, and pauses then */
#include "03_fix_blocking_call.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

int visit(void *job)
{
    struct page *page = job;

    int err = page->client_get(page);
    if (err)
        return err;
    return async_sleep(page->pause);
}
