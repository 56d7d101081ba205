/* gather_all, and a look at each, in one array on the stack */
#include "04_fix_forgotten_await.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int make_bill(void *job)
{
    struct bill *bill = job;
    size_t n = bill->n;
    struct async_task tasks[n + 1];
    async_spawn(&tasks[n], bill->write_log, bill->log);
    for (size_t i = n; i-- > 0;)
        async_spawn(&tasks[i], bill->fetch_price, &bill->orders[i]);
    int err = async_gather_all(tasks, n + 1);
    for (size_t i = 0; i <= n; i++) {
        if (tasks[i].err) {
            printf("%s\n", tasks[i].errmsg);
            err = err ? err : tasks[i].err;
        } else if (i < n)
            bill->total += bill->orders[i].price;
    }
    return err;
}
