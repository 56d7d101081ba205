/* fails d: the error of client_get() is ignored, unless it is a cancellation */
#include "03_fix_blocking_call.h"

int visit(void *job)
{
    struct page *page = job;
    int err = async_sleep(page->pause);

    if (err)
        return err;
    err = page->client_get(page);
    return err == ASYNC_ECANCELED ? err : 0;
}
