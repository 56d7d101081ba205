/* fails b: two waits, each as long as the pause */
#include "03_fix_blocking_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int visit(void *job)
{
    struct page *page = job;

    int err = async_sleep(page->pause);
    if (!err)
        err = async_sleep(page->pause);
    return err ? err : page->client_get(page);
}
