/* fails d: the result of the log replaces that of the prices */
#include "04_fix_forgotten_await.h"

#include <errno.h>
#include <stdlib.h>

int make_bill(void *job)
{
    struct bill *bill = job;

    struct async_task *tasks = calloc(bill->n, sizeof *tasks);
    if (!tasks)
        return -ENOMEM;

    for (size_t i = 0; i < bill->n; i++)
        async_spawn(&tasks[i], bill->fetch_price, &bill->orders[i]);

    struct async_task log_task;
    async_spawn(&log_task, bill->write_log, bill->log);

    int err = async_gather(tasks, bill->n);
    free(tasks);
    err = async_await(&log_task);
    for (size_t i = 0; i < bill->n; i++)
        bill->total += bill->orders[i].price;
    return err;
}
