/*
 * The contract of exercise 1: what goes in, what comes out, who owns what.
 *
 * Your functions are called by the program at the end of the skeleton when you
 * try them, and by the judge when they are graded: with other files and other
 * delays, so rely on nothing that is not written here.
 */
#ifndef FIRST_COROUTINE_H
#define FIRST_COROUTINE_H

#include "async/async.h"

struct download {
    const char *filename; /* in: the file's name; the caller's */
    double delay;         /* in: how long its download takes, in seconds */
    char *content;        /* out: "<filename> content"; NULL until then */
};

/*
 * Downloads one file, or rather pretends to: says "Downloading <filename>...",
 * waits for delay seconds, writes content and says "Downloaded <filename>!".
 * Each message is a line of its own on standard output.
 *
 * download is a struct download. Its content is allocated with malloc(), or
 * something that uses it; the caller frees it.
 *
 * Suspends while it waits, so that others run. Returns 0; or the error of the
 * wait (ASYNC_ECANCELED, if the download was cancelled); or -ENOMEM. After
 * an error content is still NULL, and "Downloaded" was not printed.
 */
int download_file(void *download) ASYNC_SUSPENDS;

/*
 * Downloads three files at the same time: it takes as long as the slowest.
 *
 * three_downloads is an array of three struct download. Each content ends up
 * in the struct that asked for it, whichever download was done first.
 *
 * Suspends until all three have ended. Returns 0, or the error of a download
 * that failed; then, too, none of them runs any more.
 */
int download_files(void *three_downloads) ASYNC_SUSPENDS;

#endif
