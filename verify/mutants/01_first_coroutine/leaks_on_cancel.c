/* fails f: what was allocated before the wait is not freed */
#include "01_first_coroutine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int download_file(void *job)
{
    struct download *download = job;
    char *content = malloc(strlen(download->filename) + 9);

    if (!content)
        return -ENOMEM;
    sprintf(content, "%s content", download->filename);
    printf("Downloading %s...\n", download->filename);
    int err = async_sleep(download->delay);
    if (err)
        return err;
    download->content = content;
    printf("Downloaded %s!\n", download->filename);
    return 0;
}

int download_files(void *job)
{
    struct download *downloads = job;

    return async_gather_each(download_file, downloads, 3);
}
