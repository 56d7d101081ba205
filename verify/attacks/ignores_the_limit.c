/* fails: it ran for */
#include "02_gather.h"

#include <signal.h>

int call_all(void *job)
{
    (void)job;
    signal(SIGXCPU, SIG_IGN);
    for (volatile unsigned i = 0;; i++)
        continue;
}
