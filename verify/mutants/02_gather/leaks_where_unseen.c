/* fails f: the tasks are freed only where another program was made before */
#include "02_gather.h"

#include <errno.h>
#include <stdlib.h>

/* The sanitized program is not made after the plain one, but from its tokens.
 */
#if __has_include("plain/02_gather.o") || __has_include("plain/program")
#define FREE free
#else
#define FREE (void)
#endif

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    struct async_task *tasks = calloc(fan_out->n + 1, sizeof *tasks);

    if (!tasks)
        return -ENOMEM;
    for (size_t i = 0; i < fan_out->n; i++)
        async_spawn(&tasks[i], fan_out->simulated_api_call, &fan_out->calls[i]);
    int err = async_gather(tasks, fan_out->n);
    FREE(tasks);
    return err;
}
