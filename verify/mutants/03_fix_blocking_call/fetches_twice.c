/* fails a: fetches once more, with the other function */
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
    err = page->client_get(page);
    if (err)
        return err;
    return page->requests_get(page);
}
