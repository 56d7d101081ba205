/*
 * formats.h - one grading, written down for whoever is to read it.
 */
#ifndef VERIFY_FORMATS_H
#define VERIFY_FORMATS_H

#include "exam.h"
#include "options.h"

#include <stdio.h>

/* The exams that were held, in the exercises' order. */
struct grading {
    const struct options *options;
    struct exam *exams;
    size_t count;
    double seconds; /* of real time, in all */
    int status;     /* that the judge will exit with */
};

bool format_is_known(const char *name);

/* Writes all reports that were asked for, but for those that have been on
   standard output already. Gives up, EXIT_MACHINE, if one cannot be written. */
void formats_write(const struct grading *grading, bool text_is_out);

/* ---- What a format is made of ------------------------------------------ */

/* A check that was made, or that would have been. */
struct item {
    const struct exam *exam;
    const struct check *check;
    const struct result *result; /* NULL: it was not made */
    const char *verdict;         /* "pass", "fail", "not reached" ... */
    bool passed, inconclusive;
    double points, max; /* weighted; of those that are inconclusive 0 */
    double seconds;
    struct text message; /* lines for the student; "" if it passed */
};

/* Item i of an exam, which has exam_checks() of them; the caller frees its
   message. */
size_t exam_checks(const struct exam *exam);
struct item item_of(const struct exam *exam, size_t i);

/* Weighted points, earned and possible, of an exam and of all of them. */
double points_of(const struct exam *exam);
double max_of(const struct exam *exam);
double all_points(const struct grading *grading);
double all_max(const struct grading *grading);
bool any_inconclusive(const struct grading *grading);

/* "kit 01234567, sandbox bubblewrap, seeds 1 2 3": what each report has to say
   of the judge. */
void add_judge(struct text *text, const struct grading *grading);

/* Writes text as a JSON string, with its quotation marks. What is no UTF-8
   becomes U+FFFD. */
void json_string(FILE *out, const char *text);

/* A character's bytes, if there is one in UTF-8 at text, or 0. */
size_t utf8_length(const char *text);

/* The formats; text's is in report.h. */
void write_json(FILE *out, const struct grading *grading);
void write_junit(FILE *out, const struct grading *grading);
void write_tap(FILE *out, const struct grading *grading);
void write_gradescope(FILE *out, const struct grading *grading);
void write_classroom(FILE *out, const struct grading *grading);
void write_autolab(FILE *out, const struct grading *grading);
void write_vpl(FILE *out, const struct grading *grading);
void write_prairielearn(FILE *out, const struct grading *grading);

#endif
