/* fails b: the pause is a task beside the fetch */
#include "03_fix_blocking_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int pause_page(void *job)
{
    struct page *page = job;

    return async_sleep(page->pause);
}

int visit(void *job)
{
    struct page *page = job;

    struct async_task task;
    async_spawn(&task, pause_page, page);
    int err = page->client_get(page);
    int pause_err = async_await(&task);
    return err ? err : pause_err;
}
