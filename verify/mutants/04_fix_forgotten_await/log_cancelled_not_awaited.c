/* fails a: at an error the log is cancelled, not awaited */
#include "04_fix_forgotten_await.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int make_bill(void *job)
{
    struct bill *bill = job;
    struct async_task *tasks = calloc(bill->n, sizeof *tasks);
    struct async_task log_task;

    if (!tasks)
        return -ENOMEM;
    for (size_t i = 0; i < bill->n; i++)
        async_spawn(&tasks[i], bill->fetch_price, &bill->orders[i]);
    async_spawn(&log_task, bill->write_log, bill->log);
    int err = async_gather(tasks, bill->n);
    free(tasks);
    if (err) {
        async_cancel(&log_task);
        return err;
    }
    for (size_t i = 0; i < bill->n; i++)
        bill->total += bill->orders[i].price;
    return async_await(&log_task);
}
