/* fails: it printed more than 100,000 lines */
#include "02_gather.h"

#include <stdio.h>

/* Below the limit of bytes, and suspending now and then. */
int call_all(void *job)
{
    (void)job;
    for (int i = 0; i < 200000; i++) {
        putchar(10);
        if (i % 10000 == 0 && async_sleep(0.001))
            return -1;
    }
    return 0;
}
