/* fails a: ten workers, however many calls there are */
#include "02_gather.h"

enum { WORKERS = 10 };

struct queue {
    struct fan_out *fan_out;
    size_t next;
};

static int worker(void *job)
{
    struct queue *queue = job;
    struct fan_out *fan_out = queue->fan_out;

    while (queue->next < fan_out->n) {
        int err = fan_out->simulated_api_call(&fan_out->calls[queue->next++]);
        if (err)
            return err;
    }
    return 0;
}

int call_all(void *job)
{
    struct queue queue = {job, 0};
    struct async_task tasks[WORKERS];

    for (int i = 0; i < WORKERS; i++)
        async_spawn(&tasks[i], worker, &queue);
    return async_gather(tasks, WORKERS);
}
