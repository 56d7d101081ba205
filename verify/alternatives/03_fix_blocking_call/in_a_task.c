/* the fetch is a task, spawned and awaited */
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
    struct async_task task;
    async_spawn(&task, page->client_get, page);
    return async_await(&task);
}
