/* fails a b: the fetch is spawned and never waited for */
#include "03_fix_blocking_call.h"

int visit(void *job)
{
    struct page *page = job;

    struct async_task task;

    int err = async_sleep(page->pause);
    if (err)
        return err;
    async_spawn(&task, page->client_get, page);
    return 0;
}
