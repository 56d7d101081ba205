/*
 * deputy.h - parts of the judge's work, side by side.
 *
 * A deputy is a process in which the judge goes on: it starts, watches and ends
 * programs of its own, and nobody else's. What it found comes back as bytes. As
 * long as one is at work, the judge itself starts no program.
 */
#ifndef VERIFY_DEPUTY_H
#define VERIFY_DEPUTY_H

#include "text.h"

#include <sys/types.h>

enum { DEPUTIES_MAX = 8 };

/* All zeroes: nobody. */
struct deputy {
    pid_t pid; /* 0: not at work */
    int fd;
    struct text found; /* freed by who waits for it */
};

/* Sets it to work: work(subject, &found). */
void deputy_start(struct deputy *deputy,
                  void (*work)(void *subject, struct text *found),
                  void *subject);

/* Waits until one of those n at work, and there must be one, has come back with
   what it found; returns its index. n is DEPUTIES_MAX at most. */
size_t deputy_wait(struct deputy *deputies, size_t n);

/* For another deputy, begun while the one with this fd was at work, and which
   finds nothing: waits until it is done. */
void deputy_await(int fd);

/* As many as are to work at a time, on this machine; at most n. */
size_t deputy_count(size_t n);

#endif
