/* fails b: async_sleep() was added, and nanosleep() kept */
#include "03_fix_blocking_call.h"

#include <time.h>

int visit(void *job)
{
    struct page *page = job;

    struct timespec pause = {
        .tv_sec = (time_t)page->pause,
        .tv_nsec = (long)(page->pause * 1e9) % 1000000000,
    };
    nanosleep(&pause, NULL);
    int err = async_sleep(page->pause);
    if (err)
        return err;
    return page->client_get(page);
}
