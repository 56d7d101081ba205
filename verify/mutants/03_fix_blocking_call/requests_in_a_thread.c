/* fails a b: requests_get, in a thread of its own */
#include "03_fix_blocking_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int visit(void *job)
{
    struct page *page = job;

    int err = async_sleep(page->pause);
    if (err)
        return err;
    return async_to_thread(page->requests_get, page);
}
