/* the text grows in a stream of the C library */
#include "12_fix_leak_on_cancel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fetch_report(void *job)
{
    struct report *report = job;
    struct connection connection = {.name = report->name};
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    int err = stream ? async_semaphore_acquire(report->slots) : -ENOMEM;

    if (err) {
        if (stream)
            fclose(stream);
        free(text);
        return err;
    }
    if ((err = report->open(&connection)) == 0) {
        while ((err = report->read(&connection)) == 0 && connection.text) {
            fputs(connection.text, stream);
            free(connection.text);
        }
        report->close(&connection);
    }
    async_semaphore_release(report->slots);
    fclose(stream);
    if (err)
        free(text);
    else
        report->text = text;
    return err;
}
