/* fails b c d e g: one attempt, and no other */
#include "11_timeout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int call_with_timeout(void *job)
{
    struct timed *timed = job;
    int err;

    timed->attempts++;
    err = async_wait_for(timed->attempt, timed->job, timed->timeout);
    return err;
}
