/* waits for an event, with a time-out */
#include "01_first_coroutine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wait_there(void *event)
{
    return async_event_wait(event);
}

int download_file(void *job)
{
    struct download *download = job;
    struct async_event never = {0};

    fprintf(stderr, "waiting for %g\n", download->delay);
    printf("Downloading %s...\n", download->filename);
    int err = async_wait_for(wait_there, &never, download->delay);
    if (err != ASYNC_ETIMEDOUT)
        return err;
    size_t size = strlen(download->filename) + sizeof " content";
    if (!(download->content = malloc(size)))
        return -ENOMEM;
    stpcpy(stpcpy(download->content, download->filename), " content");
    puts("");
    printf("Downloaded %s!\n", download->filename);
    return 0;
}

static struct async_task tasks[3];

int download_files(void *job)
{
    struct download *d = job;
    size_t i;
    int err = 0;

    async_spawn(&tasks[2], download_file, d + 2);
    async_spawn(&tasks[1], download_file, d + 1);
    async_spawn(&tasks[0], download_file, d);
    for (int n = 0; n < 3 && !err; n++) {
        err = async_wait_any(tasks, 3, &i);
        if (!err)
            err = tasks[i].err;
    }
    async_reap(tasks, 3);
    return err;
}
