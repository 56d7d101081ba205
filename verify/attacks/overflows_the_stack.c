/* fails: likely endless recursion */
#include "02_gather.h"

#include <string.h>

static int deeper(int depth)
{
    volatile char room[4096];

    memset((char *)room, depth, sizeof room);
    return deeper(depth + 1) + room[depth % 4096];
}

int call_all(void *job)
{
    (void)job;
    return deeper(0);
}
