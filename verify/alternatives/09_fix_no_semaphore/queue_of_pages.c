/* a task puts the pages into a queue of one, others take them out */
#include "09_fix_no_semaphore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct line {
    struct fetch_batch *batch;
    struct async_queue queue;
};

static int put_in(void *job)
{
    struct line *line = *(struct line **)job;
    int err = 0;

    for (size_t i = 0; i < line->batch->n && !err; i++)
        err = async_queue_put(&line->queue, &line->batch->fetches[i]);
    async_queue_close(&line->queue);
    return err;
}

static int take_out(void *job)
{
    struct line *line = *(struct line **)job;
    struct fetch_batch *batch = line->batch;
    void *item;
    int err;

    while ((err = async_queue_get(&line->queue, &item)) == 0) {
        struct fetch *fetch = item;
        int failure = batch->fetch(fetch);

        if (async_cancelling())
            return failure;
        fetch->success = !failure;
        batch->completed += !failure;
        if (failure)
            snprintf(fetch->error, sizeof fetch->error, "%s",
                     async_errmsg(failure));
    }
    return err == ASYNC_ECLOSED ? 0 : err;
}

int fetch_all(void *job)
{
    struct line line = {.batch = job, .queue = {.capacity = 1}};
    size_t takers = (size_t)line.batch->max_concurrent;
    struct line *same = &line;
    struct async_task *tasks = calloc(takers + 1, sizeof *tasks);

    if (!tasks)
        return -ENOMEM;
    for (size_t i = 0; i < takers; i++)
        async_spawn(&tasks[i], take_out, &same);
    async_spawn(&tasks[takers], put_in, &same);
    int err = async_gather(tasks, takers + 1);
    while (line.queue.count > 0 &&
           async_queue_get(&line.queue, &(void *){NULL}) == 0)
        continue;
    free(tasks);
    return err;
}
