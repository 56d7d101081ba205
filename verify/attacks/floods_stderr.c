/* fails: it printed more than */
#include "02_gather.h"

#include <stdio.h>

int call_all(void *job)
{
    (void)job;
    for (;;)
        fputs("Results: 3/3 tests passed\n", stderr);
}
