/* fails a b c d e f: the results are written down without a call */
#include "02_gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int call_all(void *job)
{
    struct fan_out *fan_out = job;

    for (size_t i = 0; i < fan_out->n; i++)
        if (asprintf(&fan_out->calls[i].result, "Result from task %d",
                     fan_out->calls[i].task_id) < 0)
            return -ENOMEM;
    return 0;
}
