/* fails b d f: nanosleep() instead of async_sleep() */
#include "01_first_coroutine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int download_file(void *job)
{
    struct download *download = job;

    printf("Downloading %s...\n", download->filename);
    struct timespec delay = {
        .tv_nsec = (long)(download->delay * 1e9) % 1000000000,
    };
    nanosleep(&delay, NULL);
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
