/* fails a b c d e f: one attempt, whatever comes of it */
#include "08_retry.h"

#include <errno.h>

int retry(void *job)
{
    struct retry *how = job;

    how->attempts++;
    return how->operation(how->job);
}
