/*
 * capture.h - what a function writes to standard error.
 */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stddef.h>

/* Calls function(job), and keeps what it writes there. */
int capture_stderr(int (*function)(void *), void *job, char *text, size_t size);

#endif
