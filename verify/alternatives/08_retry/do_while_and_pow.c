/* do and while, pow, a local copy of the job, talkative */
#include "08_retry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int retry(void *job)
{
    struct retry mine = *(struct retry *)job;
    int err, attempt = 0;
    do {
        if (attempt &&
            (err = async_sleep(mine.base_delay * pow(2, attempt - 1))))
            break;
        ((struct retry *)job)->attempts = ++attempt;
        err = mine.operation(mine.job);
        printf("attempt %d: %d\n", attempt, err);
    } while (err && err != ASYNC_ECANCELED && attempt <= mine.max_retries &&
             mine.worth_retrying(err));
    return err;
}
