/* all in one function, gather_all, everything in one block */
#include "06_fix_no_error_handling.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item_job {
    async_fn *get;
    struct item *item;
};

static int fetch(void *job)
{
    struct get **get = job;
    async_fn *fn = *(async_fn **)(get + 1);
    return fn(*get);
}

struct one {
    struct get *get; /* first: see fetch() */
    async_fn *fn;
    struct get own;
    struct async_task task;
};

int process_items(void *job)
{
    struct item_batch *batch = job;
    struct one *all = calloc(batch->n + 1, sizeof *all);
    int err = 0;
    if (!all)
        return -ENOMEM;
    for (struct one *one = all; one < all + batch->n; one++) {
        one->own.url = batch->items[one - all].url;
        one->get = &one->own;
        one->fn = batch->get;
        async_spawn(&one->task, fetch, one);
    }
    for (size_t i = 0; i < batch->n; i++) {
        struct item *item = &batch->items[i];
        int failed = async_await(&all[i].task);
        if (async_cancelling()) {
            err = ASYNC_ECANCELED;
            for (size_t k = i; k < batch->n; k++)
                async_reap(&all[k].task, 1);
            break;
        }
        cJSON *json = failed ? NULL : cJSON_Parse(all[i].own.body);
        const char *title = cJSON_GetStringValue(
            cJSON_GetObjectItemCaseSensitive(json, "title"));
        if (title && (item->title = strdup(title)))
            item->success = true, batch->successful++;
        else {
            batch->failed++;
            sprintf(item->error, "%.127s",
                    failed ? all[i].task.errmsg
                    : json ? "there is no title"
                           : "that was no JSON");
        }
        cJSON_Delete(json);
    }
    for (size_t i = 0; i < batch->n; i++)
        free(all[i].own.body);
    free(all);
    return err;
}
