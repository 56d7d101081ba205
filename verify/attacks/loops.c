/* fails: it ran for 2 s without suspending */
#include "02_gather.h"

int call_all(void *job)
{
    (void)job;
    for (volatile unsigned i = 0;; i++)
        continue;
}
