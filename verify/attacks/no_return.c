/* ungradable: a function that is to return an int ends without return (02_gather.c:10) */
#include "02_gather.h"

int call_all(void *job)
{
    struct fan_out *fan_out = job;

    if (fan_out->n == 0)
        return 0;
}
