/* awaited one after another from the last, the rest reaped on failure */
#include "04_fix_forgotten_await.h"

#include <errno.h>
#include <stdlib.h>

int make_bill(void *job)
{
    struct bill *bill = job;

    struct async_task *tasks = calloc(bill->n, sizeof *tasks);
    if (!tasks)
        return -ENOMEM;

    struct async_task log_task = {0};
    for (size_t i = 0; i < bill->n; i++)
        async_spawn(&tasks[i], bill->fetch_price, &bill->orders[i]);
    async_spawn(&log_task, bill->write_log, bill->log);

    int err = 0;
    for (size_t i = bill->n; i > 0 && !err; i--) {
        err = async_await(&tasks[i - 1]);
        bill->total += bill->orders[i - 1].price;
    }
    if (!err)
        err = async_await(&log_task);
    async_reap(tasks, bill->n);
    async_reap(&log_task, 1);
    free(tasks);
    return err;
}
