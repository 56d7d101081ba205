/* fails b: = instead of += */
#include "04_fix_forgotten_await.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    for (size_t i = 0; i < bill->n && !err; i++)
        bill->total = bill->orders[i].price;
    return err;
}
