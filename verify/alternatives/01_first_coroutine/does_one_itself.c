/* two tasks, and the third download in this one */
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

int download_files(void *job)
{
    struct download *downloads = job;
    struct async_task tasks[2];

    async_spawn(&tasks[0], download_file, &downloads[0]);
    async_spawn(&tasks[1], download_file, &downloads[1]);
    int err = download_file(&downloads[2]);
    if (err) {
        async_reap(tasks, 2);
        return err;
    }
    return async_gather(tasks, 2);
}
