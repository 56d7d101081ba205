/* each starts the next one, and then downloads */
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

static int download_from(struct download *downloads, int n)
{
    struct async_task task;

    if (n == 0)
        return 0;
    async_spawn(&task, download_file, downloads);
    int rest = download_from(downloads + 1, n - 1);
    if (rest)
        async_reap(&task, 1);
    int err = async_await(&task);
    return rest ? rest : err;
}

int download_files(void *job)
{
    return download_from(job, 3);
}
