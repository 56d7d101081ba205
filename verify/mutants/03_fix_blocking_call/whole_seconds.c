/* fails b: the pause is cut to whole seconds */
#include "03_fix_blocking_call.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

int visit(void *job)
{
    struct page *page = job;

    int err = async_sleep((int)page->pause);
    if (err)
        return err;
    return page->client_get(page);
}
