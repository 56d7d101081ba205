/* recursion, and globals */
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

static struct item_batch *the_batch;

static int one(void *job)
{
    struct item *item = job;
    struct get get = {item->url, NULL};
    int err = the_batch->get(&get);
    if (err == ASYNC_ECANCELED)
        return err;
    if (err) {
        snprintf(item->error, 128, "%s", async_errmsg(err));
        the_batch->failed++;
        return 0;
    }
    cJSON *json = cJSON_Parse(get.body);
    cJSON *title = cJSON_GetObjectItem(json, "title");
    if (!json || !cJSON_IsString(title)) {
        strcpy(item->error, json ? "title missing" : "not JSON");
        the_batch->failed++;
    } else {
        item->title = title->valuestring;
        title->valuestring = NULL; /* the tree's no more */
        item->success = true;
        the_batch->successful++;
    }
    cJSON_Delete(json);
    free(get.body);
    return 0;
}

static int from(size_t i)
{
    struct async_task task;
    if (i == the_batch->n)
        return 0;
    async_spawn(&task, one, &the_batch->items[i]);
    int rest = from(i + 1);
    if (rest)
        async_reap(&task, 1);
    int err = async_await(&task);
    return rest ? rest : err;
}

int process_items(void *job)
{
    the_batch = job;
    return from(0);
}
