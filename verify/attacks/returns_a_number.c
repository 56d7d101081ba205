/* fails: it returned 25, which is neither 0 nor a negative error */
#include "02_gather.h"

int call_all(void *job)
{
    struct fan_out *fan_out = job;

    return fan_out->n < 1000 ? 25 : 26;
}
