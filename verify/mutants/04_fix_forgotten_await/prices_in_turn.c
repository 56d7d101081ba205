/* fails a d: the prices are awaited in turn, up to an error */
#include "04_fix_forgotten_await.h"

#include <errno.h>
#include <stdlib.h>

int make_bill(void *job)
{
    struct bill *bill = job;

    int err = bill->write_log(bill->log);
    if (err)
        return err;
    struct async_task *tasks = calloc(bill->n, sizeof *tasks);
    if (!tasks)
        return -ENOMEM;

    for (size_t i = 0; i < bill->n; i++)
        async_spawn(&tasks[i], bill->fetch_price, &bill->orders[i]);

    for (size_t i = 0; i < bill->n; i++) {
        err = async_await(&tasks[i]);
        if (err)
            return err;
        bill->total += bill->orders[i].price;
    }
    free(tasks);
    return 0;
}
