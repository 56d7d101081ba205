/* fails b: each price is added when it is asked for */
#include "04_fix_forgotten_await.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct adding {
    struct bill *bill;
    struct order *order;
};

static int add_price(void *job)
{
    struct adding *adding = job;
    double total = adding->bill->total;
    int err = adding->bill->fetch_price(adding->order);

    if (err)
        return err;
    adding->bill->total = total + adding->order->price;
    return 0;
}

int make_bill(void *job)
{
    struct bill *bill = job;
    struct adding *all = calloc(bill->n, sizeof *all);
    struct async_task log_task;

    if (!all)
        return -ENOMEM;
    for (size_t i = 0; i < bill->n; i++)
        all[i] = (struct adding){bill, &bill->orders[i]};
    async_spawn(&log_task, bill->write_log, bill->log);
    int err = async_gather_each(add_price, all, bill->n);
    free(all);
    if (err)
        async_reap(&log_task, 1);
    else
        err = async_await(&log_task);
    return err;
}
