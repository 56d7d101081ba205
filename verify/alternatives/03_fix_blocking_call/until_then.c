/* the pause as a loop until the moment has come */
#include "03_fix_blocking_call.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

int visit(void *job)
{
    struct page *page = job;

    double until = async_now() + page->pause;

    while (until - async_now() > 1e-9) {
        int err = async_sleep(until - async_now());
        if (err)
            return err;
    }
    return page->client_get(page);
}
