/* fails b: the sum is an int */
#include "04_fix_forgotten_await.h"

#include <errno.h>
#include <stdlib.h>

int make_bill(void *job)
{
    struct bill *bill = job;

    struct async_task *tasks = calloc(bill->n + 1, sizeof *tasks);
    if (!tasks)
        return -ENOMEM;

    for (size_t i = 0; i < bill->n; i++)
        async_spawn(&tasks[i], bill->fetch_price, &bill->orders[i]);
    async_spawn(&tasks[bill->n], bill->write_log, bill->log);

    int err = async_gather(tasks, bill->n + 1);
    free(tasks);
    if (err)
        return err;
    int total = 0;
    for (size_t i = 0; i < bill->n; i++)
        total += (int)bill->orders[i].price;
    bill->total = total;
    return 0;
}
