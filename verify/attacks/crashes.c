/* fails: likely a pointer */
#include "02_gather.h"

int call_all(void *job)
{
    (void)job;
    volatile int *nowhere = NULL;

    return *nowhere;
}
