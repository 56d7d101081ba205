/* fails: in a call that blocks */
#include "02_gather.h"

#include <unistd.h>

int call_all(void *job)
{
    (void)job;
    return pause();
}
