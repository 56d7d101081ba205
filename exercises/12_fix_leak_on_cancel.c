/*
 * Exercise 12: fix a leak. A report that loses things when it is stopped.
 *
 * This program is broken: as long as all goes well, nobody notices. The task is
 * in exercises/12_fix_leak_on_cancel.md, the contract in the header beside it.
 * Try it: make exercise12. Stuck: make hint12. Grade it: make verify12.
 */
#include "12_fix_leak_on_cancel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Appends piece to *text, and frees piece. Returns 0 or -ENOMEM; *text is still
 * the caller's then. */
static int append(char **text, char *piece)
{
    size_t length = *text ? strlen(*text) : 0;
    char *longer = realloc(*text, length + strlen(piece) + 1);

    if (longer) {
        strcpy(longer + length, piece);
        *text = longer;
    }
    free(piece);
    return longer ? 0 : -ENOMEM;
}

/* async with slots: async with open(name) as connection: ... */
int fetch_report(void *job)
{
    struct report *report = job;
    struct connection connection = {.name = report->name};
    char *text = NULL;

    int err = async_semaphore_acquire(report->slots);
    if (err)
        return err;

    err = report->open(&connection);
    if (err)
        return err;

    for (;;) {
        err = report->read(&connection);
        if (err)
            return err;
        if (!connection.text)
            break;
        err = append(&text, connection.text);
        if (err)
            return err;
    }

    report->close(&connection);
    async_semaphore_release(report->slots);
    report->text = text;
    return 0;
}

/* ---- Given: what `make exercise12` runs -------------------------------- */

#ifndef ASYNC_VERIFY

enum { SLOTS = 2, PIECES = 3 };

/* The pretended archive. */
static struct async_semaphore slots = {.permits = SLOTS};
static int connections, pieces_read;

static int open_connection(void *job)
{
    (void)job;
    int err = async_sleep(0.1);
    if (err)
        return err;
    connections++;
    pieces_read = 0;
    return 0;
}

static void close_connection(struct connection *connection)
{
    (void)connection;
    connections--;
}

/* Three pieces, 0.1 s each. Of "sales" the second one never comes, and "stock"
 * is lost there. */
static int read_piece(void *job)
{
    struct connection *connection = job;
    bool second = pieces_read == 1;

    int err = async_sleep(
        second && strcmp(connection->name, "sales") == 0 ? 1000 : 0.1);
    if (err)
        return err;
    if (second && strcmp(connection->name, "stock") == 0)
        return async_raise(-ECONNRESET, "connection lost");
    if (pieces_read == PIECES) {
        connection->text = NULL;
        return 0;
    }
    char *piece;
    if (asprintf(&piece, "page %d of %s%s", pieces_read + 1, connection->name,
                 pieces_read + 1 < PIECES ? ", " : "") < 0)
        return -ENOMEM;
    connection->text = piece;
    pieces_read++;
    return 0;
}

/* One after another: each may take 1 s. */
static int fetch_reports(void *job)
{
    static const char *const names[] = {"staff", "sales", "stock", "costs"};

    (void)job;
    for (int i = 0; i < 4; i++) {
        struct report report = {&slots,           open_connection, read_piece,
                                close_connection, names[i],        NULL};

        int err = async_wait_for(fetch_report, &report, 1.0);
        printf("%s: %s\n", names[i], err ? async_errmsg(err) : report.text);
        printf("       open connections: %d, free slots: %d of %d\n",
               connections, slots.permits, SLOTS);
        free(report.text);
        if (err == ASYNC_ECANCELED)
            return err; /* Ctrl-C */
    }
    return 0;
}

int main(void)
{
    printf("Four reports. \"sales\" takes too long, \"stock\" is lost.\n\n");
    return async_main(fetch_reports, NULL);
}

#endif
