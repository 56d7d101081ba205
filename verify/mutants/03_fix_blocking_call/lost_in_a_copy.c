/* fails a: the status is written into a copy */
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
    struct page copy = *page;
    return copy.client_get(&copy);
}
