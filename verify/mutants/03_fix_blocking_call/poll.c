/* fails b: the pause blocks in poll() */
#include "03_fix_blocking_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <poll.h>

int visit(void *job)
{
    struct page *page = job;

    poll(NULL, 0, (int)(page->pause * 1000));
    return page->client_get(page);
}
