/* fails a b: only the pause was fixed */
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
    return page->requests_get(page);
}
