/* the content is made before the wait, and freed on failure */
#include "01_first_coroutine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int download_file(void *job)
{
    struct download *download = job;
    size_t size = strlen(download->filename) + sizeof " content";
    char *content = malloc(size);

    if (!content)
        return -ENOMEM;
    snprintf(content, size, "%s content", download->filename);
    fputs("Downloading ", stdout);
    fputs(download->filename, stdout);
    puts("...");
    int err = async_sleep(download->delay);
    if (err) {
        free(content);
        return err;
    }
    download->content = content;
    printf("Downloaded %s!\n", download->filename);
    fflush(stdout);
    return 0;
}

int download_files(void *job)
{
    struct download *downloads = job;

    return async_gather_each(download_file, downloads, 3);
}
