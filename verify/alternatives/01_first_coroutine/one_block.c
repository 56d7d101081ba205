/* all on the heap, in one block, and goto */
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

struct all {
    struct async_task tasks[3];
    struct download *jobs[3];
};

static int by_pointer(void *job)
{
    struct download **download = job;
    return download_file(*download);
}

int download_files(void *job)
{
    struct download *downloads = job;
    int err = -ENOMEM, i = 0;
    struct all *all = malloc(sizeof *all);

    if (!all)
        goto out;
    setvbuf(stdout, NULL, _IONBF, 0);
again:
    all->jobs[i] = &downloads[i];
    async_spawn(&all->tasks[i], by_pointer, &all->jobs[i]);
    if (++i < 3)
        goto again;
    err = async_gather(all->tasks, 3);
out:
    free(all);
    return err;
}
