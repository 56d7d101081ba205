/* fails: of memory | without suspending | it had not ended */
#include "02_gather.h"

#include <unistd.h>

int call_all(void *job)
{
    (void)job;
    for (;;)
        fork();
}
