/*
 * Exercise 6, solved: a bad answer costs its own item, and no other.
 *
 * The task is in exercises/06_fix_no_error_handling.md, the contract in the
 * header beside it. Run it: make solution6.
 */
#include "06_fix_no_error_handling.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An item, and how to get it. */
struct item_job {
    async_fn *get;
    struct item *item;
};

/*
 * Takes the title out of a body that may be anything. Returns 0 and *title is
 * the caller's; or an error with a text, and *title is left alone.
 */
static int parse_title(const char *body, char **title)
{
    cJSON *json = cJSON_Parse(body);
    if (!json)
        return async_raise(-EPROTO, "malformed JSON: %.60s", body);

    /* Not there, or a number: both are no string. */
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(json, "title");
    char *copy = NULL;
    int err = 0;
    if (!cJSON_IsString(text))
        err = async_raise(-EPROTO, "no title: %.60s", body);
    else if (!(copy = strdup(text->valuestring))) /* json goes, it stays */
        err = -ENOMEM;
    else
        *title = copy;
    cJSON_Delete(json);
    return err;
}

/* Gets one item. Its failure is noted in the item, and goes no further. */
static int process_item(void *job)
{
    struct item_job *item_job = job;
    struct item *item = item_job->item;
    struct get get = {.url = item->url};

    int err = item_job->get(&get);
    if (!err)
        err = parse_title(get.body, &item->title);
    free(get.body); /* on every path: it is NULL if the request failed */

    item->success = err == 0;
    if (err)
        snprintf(item->error, sizeof item->error, "%s", async_errmsg(err));
    return 0;
}

/* Gets all items at the same time. */
int process_items(void *job)
{
    struct item_batch *batch = job;

    struct item_job *jobs = calloc(batch->n, sizeof *jobs);
    if (!jobs && batch->n > 0)
        return -ENOMEM;
    for (size_t i = 0; i < batch->n; i++)
        jobs[i] = (struct item_job){batch->get, &batch->items[i]};

    /* No item returns an error: one here is that the batch was cancelled. */
    int err = async_gather_each(process_item, jobs, batch->n);
    free(jobs);
    if (err)
        return err;

    for (size_t i = 0; i < batch->n; i++)
        if (batch->items[i].success)
            batch->successful++;
        else
            batch->failed++;
    return 0;
}

/* ---- Given: what `make exercise6` runs --------------------------------- */

#ifndef ASYNC_VERIFY

enum { ITEMS = 5 };

/* await client.get(url): the higher the number at the end of the URL, the later
   the answer. */
static int get_url(void *job)
{
    struct get *get = job;
    int number = atoi(strrchr(get->url, '/') + 1);

    get->body = NULL;
    int err = async_sleep(0.1 * number);
    if (err)
        return err;
    if (strstr(get->url, "/down/"))
        return async_raise(-EIO, "503 Service Unavailable");

    char *body;
    int length;
    if (strstr(get->url, "/html/"))
        length = asprintf(&body, "<html>Please log in</html>");
    else
        length = asprintf(&body, "{\"id\": %d, \"title\": \"Post no. %d\"}",
                          number, number);
    if (length < 0)
        return -ENOMEM;
    get->body = body;
    return 0;
}

static void print_items(const struct item_batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        const struct item *item = &batch->items[i];
        if (item->success)
            printf("  %s: %s\n", item->url, item->title);
        else
            printf("  %s failed: %s\n", item->url, item->error);
    }
    printf("  %zu successful, %zu failed\n\n", batch->successful,
           batch->failed);
}

/* Gets five items, of which the third is at a URL of its own. */
static int try_with(const char *title, const char *third)
{
    struct item items[ITEMS] = {
        {.url = "https://example.com/posts/1"},
        {.url = "https://example.com/posts/2"},
        {.url = third},
        {.url = "https://example.com/posts/4"},
        {.url = "https://example.com/posts/5"},
    };
    struct item_batch batch = {get_url, items, ITEMS, 0, 0};

    printf("%s:\n", title);
    int status = async_main(process_items, &batch);
    if (status != 130) /* Ctrl-C */
        print_items(&batch);
    for (int i = 0; i < ITEMS; i++)
        free(items[i].title);
    return status;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash loses no line */
    int status = try_with("All is well", "https://example.com/posts/3");
    if (status != 130)
        status = try_with("One server is down", "https://example.com/down/3");
    if (status != 130)
        status =
            try_with("One answer is no JSON", "https://example.com/html/3");
    return status;
}

#endif
