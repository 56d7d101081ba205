/* fails d: the error of async_sleep() is ignored */
#include "03_fix_blocking_call.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

int visit(void *job)
{
    struct page *page = job;

    if (async_sleep(page->pause))
        printf("The pause was cut short.\n");
    return page->client_get(page);
}
