/*
 * evidence.h - what a program left that failed: the part of its run that the
 * report shows.
 */
#ifndef VERIFY_EVIDENCE_H
#define VERIFY_EVIDENCE_H

#include "ledger.h"

struct evidence {
    bool any;              /* a program was run */
    struct text calls;     /* a picture of them */
    struct text tasks;     /* the runtime's table, if it had to be stopped */
    struct text messages;  /* on standard error, but for what is told elsewhere:
                              a sanitizer's report, the table of tasks */
    struct text printed;   /* the first lines of its output, and when */
    size_t messages_total; /* bytes, of everything that it wrote there */
    size_t printed_total;
};

/* The caller frees it. */
struct evidence evidence_of(const struct run *run);
void evidence_free(struct evidence *evidence);

/* More lines than that of any of them are not shown. */
enum { EXCERPT_LINES = 10 };

#endif
