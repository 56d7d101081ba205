/* fails a b c d e f: waits in a loop that looks at the clock */
#include "01_first_coroutine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int download_file(void *job)
{
    struct download *download = job;

    printf("Downloading %s...\n", download->filename);
    double end = async_now() + download->delay;
    while (async_now() < end) {
        int err = async_yield();
        if (err)
            return err;
    }
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

    return async_gather_each(download_file, downloads, 3);
}
