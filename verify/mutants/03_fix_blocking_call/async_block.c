/* fails b: the pause blocks by another name */
#include "03_fix_blocking_call.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

int visit(void *job)
{
    struct page *page = job;

    async_block(page->pause);
    return page->client_get(page);
}
