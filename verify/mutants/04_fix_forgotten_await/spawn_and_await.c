/* fails c: each task is awaited right after it was spawned */
#include "04_fix_forgotten_await.h"

#include <errno.h>
#include <stdlib.h>

int make_bill(void *job)
{
    struct bill *bill = job;

    for (size_t i = 0; i < bill->n; i++) {
        struct async_task task;
        async_spawn(&task, bill->fetch_price, &bill->orders[i]);
        int err = async_await(&task);
        if (err)
            return err;
        bill->total += bill->orders[i].price;
    }
    return bill->write_log(bill->log);
}
