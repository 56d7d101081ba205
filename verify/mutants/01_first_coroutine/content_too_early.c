/* fails f: content is written before the wait */
#include "01_first_coroutine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int download_file(void *job)
{
    struct download *download = job;

    printf("Downloading %s...\n", download->filename);
    if (asprintf(&download->content, "%s content", download->filename) < 0)
        return -ENOMEM;
    int err = async_sleep(download->delay);
    if (err)
        return err;
    printf("Downloaded %s!\n", download->filename);
    return 0;
}

int download_files(void *job)
{
    struct download *downloads = job;

    return async_gather_each(download_file, downloads, 3);
}
