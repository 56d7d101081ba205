/*
 * Exercise 4: fix a forgotten await. A bill of nothing, and a log that is lost.
 *
 * This program is broken: it starts everything, and does not wait for it. The
 * task is in exercises/04_fix_forgotten_await.md, the contract in the header
 * beside it. Try it: make exercise4. Stuck: make hint4. Grade it: make verify4.
 */
#include "04_fix_forgotten_await.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fetches all prices, adds them up, and has the log written meanwhile. */
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

    for (size_t i = 0; i < bill->n; i++)
        bill->total += bill->orders[i].price;

    int err = async_gather(tasks, bill->n);
    free(tasks);
    return err;
}

/* ---- Given: what `make exercise4` runs --------------------------------- */

#ifndef ASYNC_VERIFY

enum { DRINKS = 3 };

/* await fetch_price(order): a look into a price list that is far away. */
static int fetch_price(void *job)
{
    struct order *order = job;

    int err = async_sleep(0.5);
    if (err)
        return err;
    order->price = 0.5 * (double)strlen(order->drink); /* by the letter */
    printf("  %-10s %5.2f\n", order->drink, order->price);
    return 0;
}

/* await write_log(text): takes longer than the prices do. */
static int write_log(void *job)
{
    const char *text = job;

    int err = async_sleep(0.8);
    if (err)
        return err;
    printf("Log: %s\n", text);
    return 0;
}

int main(void)
{
    char text[] = "3 drinks for table 7";
    struct order orders[DRINKS] = {
        {.drink = "latte"}, {.drink = "espresso"}, {.drink = "cappuccino"}};
    struct bill bill = {fetch_price, write_log, orders, DRINKS, text, 0};

    double start = async_now();
    int status = async_main(make_bill, &bill);
    if (status == 0)
        printf("  %-10s %5.2f\n\nThe bill was made in %.1f s.\n", "Total",
               bill.total, async_now() - start);
    return status;
}

#endif
