/* async_wait_any, and a line for each item that is done */
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
    else
        *title = strdup(text->valuestring);
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
    return err;
}

int process_items(void *job)
{
    struct item_batch *batch = job;
    struct item_job *jobs = calloc(batch->n + 1, sizeof *jobs);
    struct async_task *tasks = calloc(batch->n + 1, sizeof *tasks);
    int err = jobs && tasks ? 0 : -ENOMEM;

    for (size_t i = 0; i < batch->n && !err; i++) {
        jobs[i] = (struct item_job){batch->get, &batch->items[i]};
        async_spawn(&tasks[i], process_item, &jobs[i]);
    }
    for (size_t done = 0; done < batch->n && !err; done++) {
        size_t i;
        err = async_wait_any(tasks, batch->n, &i);
        if (err)
            break;
        struct item *item = &batch->items[i];
        item->success = tasks[i].err == 0;
        snprintf(item->error, sizeof item->error, "%s", tasks[i].errmsg);
        printf("%zu of %zu: %s\n", done + 1, batch->n,
               item->success ? item->title : item->error);
    }
    for (size_t i = 0; i < batch->n; i++)
        batch->successful += batch->items[i].success;
    batch->failed = batch->n - batch->successful;
    free(jobs);
    free(tasks);
    return err;
}
