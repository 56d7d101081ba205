/* ungradable: error: expected */
#include "02_gather.h"

int call_all(void *job)
{
    struct fan_out *fan_out = job return 0;
}
