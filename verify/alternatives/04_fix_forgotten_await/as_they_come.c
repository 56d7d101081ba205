/* each price is added when it is there */
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

    int err = 0;
    for (size_t left = bill->n; left > 0 && !err; left--) {
        size_t i;
        err = async_wait_any(tasks, bill->n, &i);
        if (!err)
            err = tasks[i].err;
        bill->total += err ? 0 : bill->orders[i].price;
    }
    async_reap(tasks, bill->n);
    free(tasks);
    if (err)
        async_reap(&log_task, 1);
    return err ? err : async_await(&log_task);
}
