/* fails f: the batch goes on after it was cancelled */
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

static int parse_title(const char *body, char **title)
{
    cJSON *json = cJSON_Parse(body);
    if (!json)
        return async_raise(-EPROTO, "malformed JSON: %.60s", body);

    const cJSON *text = cJSON_GetObjectItemCaseSensitive(json, "title");
    int err = 0;
    if (!cJSON_IsString(text))
        err = async_raise(-EPROTO, "no title: %.60s", body);
    else if (!(*title = strdup(text->valuestring)))
        err = -ENOMEM;
    cJSON_Delete(json);
    return err;
}

static int process_item(void *job)
{
    struct item_job *item_job = job;
    struct item *item = item_job->item;
    struct get get = {.url = item->url};

    int err = item_job->get(&get);
    if (!err)
        err = parse_title(get.body, &item->title);
    free(get.body);
    item->success = err == 0;
    if (err)
        snprintf(item->error, sizeof item->error, "%s", async_errmsg(err));
    return 0;
}

int process_items(void *job)
{
    struct item_batch *batch = job;

    struct item_job *jobs = calloc(batch->n, sizeof *jobs);
    if (!jobs && batch->n > 0)
        return -ENOMEM;
    for (size_t i = 0; i < batch->n; i++)
        jobs[i] = (struct item_job){batch->get, &batch->items[i]};
    struct async_task *tasks = calloc(batch->n + 1, sizeof *tasks);
    for (size_t i = 0; i < batch->n; i++)
        async_spawn(&tasks[i], process_item, &jobs[i]);
    for (size_t i = 0; i < batch->n; i++)
        if (async_await(&tasks[i]))
            batch->items[i].success = false;
    free(tasks);
    free(jobs);
    for (size_t i = 0; i < batch->n; i++)
        if (batch->items[i].success)
            batch->successful++;
        else
            batch->failed++;
    return 0;
}
