/*
 * options.h - what the judge was told on its command line.
 */
#ifndef VERIFY_OPTIONS_H
#define VERIFY_OPTIONS_H

#include "build.h"
#include "seeds.h"

enum { REPORTS_MAX = 16 };

/* One report that was asked for. */
struct wanted {
    const char *format; /* its name */
    const char *path;   /* NULL: standard output */
};

struct options {
    struct kit kit;
    const char *submission;
    const char *weights; /* a file, or NULL: the kit's own */
    unsigned picked;     /* bit n: exercise n; 0: all */
    struct seeds seeds;
    bool grade_unstarted;
    enum { ANY_SANDBOX, LIMITS, BUBBLEWRAP } sandbox;
    struct wanted reports[REPORTS_MAX];
    size_t report_count;
};

/* Gives up, EXIT_USAGE, if they make no sense; prints --help and exits. */
void take_options(struct options *options, int argc, char **argv);

#endif
