/* fails: it wrote to file descriptor 3 itself */
#include "02_gather.h"

#include <pthread.h>
#include <stdio.h>

/* While the driver waits for the judge's answer. */
static void *forge(void *n)
{
    for (size_t i = 0; i < *(size_t *)n; i++)
        dprintf(3, "out %zu result =x\n", i);
    dprintf(3, "returned 0 =\nclosed\nleaks 0\n");
    return NULL;
}

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    pthread_t thread;

    pthread_create(&thread, NULL, forge, &fan_out->n);
    return async_gather_each(fan_out->simulated_api_call, fan_out->calls, 1) ||
           async_sleep(1);
}
