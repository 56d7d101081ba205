/*
 * Exercise 1: your first coroutine. Three files, downloaded at the same time.
 *
 * The task is in exercises/01_first_coroutine.md, the contract in the header
 * beside it. Try it: make exercise1. Stuck: make hint1. Grade it: make verify1.
 */
#include "01_first_coroutine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* async def download_file(filename, delay): */
int download_file(void *job)
{
    struct download *download = job;

    /* Your code goes here, in place of this return. */
    return async_raise(-ENOSYS, "download_file(\"%s\") is not written yet",
                       download->filename);
}

/* Downloads three files at the same time. */
int download_files(void *job)
{
    struct download *downloads = job;

    /* So far it downloads the first file only. Your code makes it three. */
    int err = download_file(&downloads[0]);
    if (err)
        return err;
    return 0;
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
