/* fails e f: contents in the order of completion */
#include "01_first_coroutine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int download_file(void *job)
{
    struct download *download = job;

    printf("Downloading %s...\n", download->filename);
    int err = async_sleep(download->delay);
    if (err)
        return err;
    char *content;
    if (asprintf(&content, "%s content", download->filename) < 0)
        return -ENOMEM;
    download->content = content;
    printf("Downloaded %s!\n", download->filename);
    return 0;
}

/* Moves each content to the next place as soon as it is there. */
static struct download *places;
static int ended;

static int download_in_turn(void *job)
{
    struct download *download = job;
    int err = download_file(download);

    if (err)
        return err;
    char *content = download->content;
    download->content = places[ended].content;
    places[ended++].content = content;
    return 0;
}

int download_files(void *job)
{
    struct async_task tasks[3];

    places = job;
    for (int i = 0; i < 3; i++)
        async_spawn(&tasks[i], download_in_turn, &places[i]);
    return async_gather(tasks, 3);
}
