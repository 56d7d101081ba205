/* fails: it waited for what nobody would ever do */
#include "02_gather.h"

int call_all(void *job)
{
    (void)job;
    struct async_semaphore none = {.permits = 0};

    return async_semaphore_acquire(&none);
}
