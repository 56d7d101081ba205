/*
 * report.h - the report for people.
 */
#ifndef VERIFY_REPORT_H
#define VERIFY_REPORT_H

#include "formats.h"

/* Piece by piece, as it comes, */
void report_open(FILE *to);
void report_exam(const struct exam *exam);
void report_close(const struct grading *grading);

/* or as a whole. */
void report_write(FILE *to, const struct grading *grading);

/* Adds what it says of one check that did not pass, */
void report_result(struct text *text, const struct exam *exam,
                   const struct result *result);
/* and of an exercise of which no check was made. */
void report_unjudged(struct text *text, const struct exam *exam);

#endif
