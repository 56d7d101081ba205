/* each item counts itself; early returns that each free */
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

static int fail(struct item_job *job, struct item_batch *batch,
                const char *text)
{
    snprintf(job->item->error, sizeof job->item->error, "%s", text);
    batch->failed++;
    return 0;
}

struct batch_job {
    struct item_job own;
    struct item_batch *batch;
};

static int process_item(void *job)
{
    struct batch_job *batch_job = job;
    struct item_job *own = &batch_job->own;
    struct get get = {.url = own->item->url};

    int err = own->get(&get);
    if (err)
        return fail(own, batch_job->batch, async_errmsg(err));
    cJSON *json = cJSON_Parse(get.body);
    free(get.body);
    if (!cJSON_IsObject(json)) {
        cJSON_Delete(json);
        return fail(own, batch_job->batch, "not a JSON object");
    }
    const char *title =
        cJSON_GetStringValue(cJSON_GetObjectItem(json, "title"));
    if (!title) {
        cJSON_Delete(json);
        return fail(own, batch_job->batch, "no title");
    }
    own->item->title = strdup(title);
    cJSON_Delete(json);
    own->item->success = true;
    batch_job->batch->successful++;
    return 0;
}

int process_items(void *job)
{
    struct item_batch *batch = job;
    struct batch_job *jobs = calloc(batch->n + 1, sizeof *jobs);

    if (!jobs)
        return -ENOMEM;
    for (size_t i = 0; i < batch->n; i++)
        jobs[i] = (struct batch_job){{batch->get, &batch->items[i]}, batch};
    int err = async_gather_each(process_item, jobs, batch->n);
    free(jobs);
    return err;
}
