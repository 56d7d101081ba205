/*
 * report.h - what the judge prints.
 */
#ifndef VERIFY_REPORT_H
#define VERIFY_REPORT_H

#include "exam.h"

void report_open(void);
void report_exam(const struct exam *exam);

/* The sums over all exercises. */
struct total {
    int exercises, passed, failed, earned, possible, inconclusive;
    const struct grader *next; /* the first that was not passed, or NULL */
    enum state next_state;
};
void report_close(const struct total *total, const char *submission,
                  uint64_t seed);

#endif
