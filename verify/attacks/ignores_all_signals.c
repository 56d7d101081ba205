/* fails: it ran for */
#include "02_gather.h"

#include <signal.h>

int call_all(void *job)
{
    (void)job;
    for (int i = 1; i < 65; i++)
        signal(i, SIG_IGN);
    for (;;)
        continue;
}
