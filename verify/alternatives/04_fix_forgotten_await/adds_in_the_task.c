/* a task for each price that adds it by itself, started in reverse; prints */
#include "04_fix_forgotten_await.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct item {
    struct bill *bill;
    struct order order; /* a copy */
};

static int add_price(void *job)
{
    struct item *item = job;
    int err = item->bill->fetch_price(&item->order);

    if (err) {
        printf("no price for %s: %s\n", item->order.drink, async_errmsg(err));
        return err;
    }
    printf("%s: %.2f\n", item->order.drink, item->order.price);
    item->bill->total += item->order.price;
    return 0;
}

static int fetch_all(void *job)
{
    struct bill *bill = job;
    struct item *items = calloc(bill->n, sizeof *items);

    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < bill->n; i++)
        items[i] = (struct item){bill, bill->orders[bill->n - 1 - i]};
    int err = async_gather_each(add_price, items, bill->n);
    free(items);
    return err;
}

int make_bill(void *job)
{
    struct bill *bill = job;
    struct async_task tasks[2];

    async_spawn(&tasks[0], bill->write_log, bill->log);
    async_spawn(&tasks[1], fetch_all, bill);
    return async_gather(tasks, 2);
}
