/* the fetch under a time limit that is never reached */
#include "03_fix_blocking_call.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

int visit(void *job)
{
    struct page *page = job;

    int err = async_sleep(page->pause);
    if (err)
        return err;
    return async_wait_for(page->client_get, page, 3600);
}
