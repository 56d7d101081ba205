/* waits for an event that never comes */
#include "03_fix_blocking_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int wait_there(void *event)
{
    return async_event_wait(event);
}

int visit(void *job)
{
    struct page *page = job;

    static struct async_event never;
    int err = async_wait_for(wait_there, &never, page->pause);
    return err == ASYNC_ETIMEDOUT ? page->client_get(page) : err;
}
