/* fails b c d: the delay is taken for milliseconds */
#include "01_first_coroutine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int download_file(void *job)
{
    struct download *download = job;

    printf("Downloading %s...\n", download->filename);
    int err = async_sleep(download->delay * 1000);
    if (err)
        return err;
    char *content;
    if (asprintf(&content, "%s content", download->filename) < 0)
        return -ENOMEM;
    download->content = content;
    printf("Downloaded %s!\n", download->filename);
    return 0;
}

int download_files(void *job)
{
    struct download *downloads = job;
    struct async_task tasks[3];

    for (int i = 0; i < 3; i++)
        async_spawn(&tasks[i], download_file, &downloads[i]);
    return async_gather(tasks, 3);
}
