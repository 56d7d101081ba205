/* fails: MiB of memory */
#include "02_gather.h"

#include <stdlib.h>
#include <string.h>

int call_all(void *job)
{
    (void)job;
    for (;;) {
        char *volatile more = malloc(1 << 20);
        if (more)
            memset(more, 1, 1 << 20);
    }
}
