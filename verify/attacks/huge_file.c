/* ungradable: seen it does not */
#include "02_gather.h"

#include <stdio.h>

static char huge[8L * 1024 * 1024 * 1024] = {1};

int call_all(void *job)
{
    (void)job;
    return puts(huge);
}
