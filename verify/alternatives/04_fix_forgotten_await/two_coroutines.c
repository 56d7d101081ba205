/* prices and log are a coroutine each */
#include "04_fix_forgotten_await.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int sum_up(void *job)
{
    struct bill *bill = job;
    double sum = 0;
    int err = async_gather_each(bill->fetch_price, bill->orders, bill->n);
    for (size_t i = 0; !err && i < bill->n; i++)
        sum += bill->orders[i].price;
    bill->total = sum;
    return err;
}

static int log_it(void *job)
{
    struct bill *bill = job;
    return bill->write_log(bill->log);
}

int make_bill(void *job)
{
    static async_fn *const parts[] = {sum_up, log_it};
    struct async_task tasks[2];
    for (int i = 0; i < 2; i++)
        async_spawn(&tasks[i], parts[i], job);
    return async_gather(tasks, 2);
}
