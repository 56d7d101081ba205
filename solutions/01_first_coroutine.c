/*
 * Exercise 1, solved: three files, downloaded at the same time.
 *
 * The task is in exercises/01_first_coroutine.md, the contract in the header
 * beside it. Run it: make solution1.
 */
#include "01_first_coroutine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* async def download_file(filename, delay): */
int download_file(void *job)
{
    struct download *download = job;

    printf("Downloading %s...\n", download->filename);
    int err = async_sleep(download->delay);
    if (err)
        return err;

    /* A local first: when asprintf fails, its pointer may hold anything. */
    char *content;
    if (asprintf(&content, "%s content", download->filename) < 0)
        return -ENOMEM;
    download->content = content;
    printf("Downloaded %s!\n", download->filename);
    return 0;
}

/* Downloads three files at the same time. */
int download_files(void *job)
{
    struct download *downloads = job;
    struct async_task tasks[3];

    for (int i = 0; i < 3; i++)
        async_spawn(&tasks[i], download_file, &downloads[i]);

    /* The tasks live in this function's frame: it must not return before they
     * have ended. Whatever gather returns, they have. */
    return async_gather(tasks, 3);
}

/* ---- Given: what `make exercise1` runs --------------------------------- */

#ifndef ASYNC_VERIFY

static void print_results(const struct download *downloads, double elapsed)
{
    int complete = 0;
    for (int i = 0; i < 3; i++)
        complete += downloads[i].content != NULL;

    printf("\n%s downloads complete in %.1fs\nResults: ",
           complete == 3 ? "All" : "Not all", elapsed);
    for (int i = 0; i < 3; i++) {
        const char *content = downloads[i].content;
        printf("%s%s", content ? content : "nothing", i < 2 ? ", " : "\n");
    }
}

int main(void)
{
    struct download downloads[3] = {
        {.filename = "report1.pdf", .delay = 2},
        {.filename = "specs.docx", .delay = 3},
        {.filename = "drawings.dwg", .delay = 1},
    };

    double start = async_now();
    int status = async_main(download_files, downloads);
    if (status == 0)
        print_results(downloads, async_now() - start);

    for (int i = 0; i < 3; i++)
        free(downloads[i].content);
    return status;
}

#endif
