/* fails: SIGXFSZ */
#include "02_gather.h"

#include <stdio.h>

int call_all(void *job)
{
    (void)job;
    FILE *file = fopen("large", "w");

    while (file)
        fputs("and on and on\n", file);
    return 0;
}
