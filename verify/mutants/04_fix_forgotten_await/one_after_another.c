/* fails c: each price is awaited before the next */
#include "04_fix_forgotten_await.h"

#include <errno.h>
#include <stdlib.h>

int make_bill(void *job)
{
    struct bill *bill = job;

    int err = 0;
    struct async_task log_task;
    async_spawn(&log_task, bill->write_log, bill->log);

    for (size_t i = 0; i < bill->n && !err; i++) {
        err = bill->fetch_price(&bill->orders[i]);
        bill->total += bill->orders[i].price;
    }
    int log_err = async_await(&log_task);
    return err ? err : log_err;
}
