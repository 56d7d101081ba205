/* fails c: "Downloaded" is printed by download_files, for all three */
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
    return 0;
}

int download_files(void *job)
{
    struct download *downloads = job;

    int err = async_gather_each(download_file, downloads, 3);
    for (int i = 0; i < 3 && !err; i++)
        printf("Downloaded %s!\n", downloads[i].filename);
    return err;
}
