/*
 * exam.h - one exercise of one student, from the file to the points.
 */
#ifndef VERIFY_EXAM_H
#define VERIFY_EXAM_H

#include "build.h"
#include "grader.h"
#include "seeds.h"

enum { CHECKS_MAX = 16 };

#define DEFAULT_SUBMISSION "exercises"

enum verdict { PASS, FAIL, NOT_REACHED, INCONCLUSIVE };

struct result {
    const struct check *check;
    enum verdict verdict;
    struct text asked, seen, likely;
    struct text why;       /* of NOT_REACHED and INCONCLUSIVE */
    const struct run *run; /* the latest, NULL if none was played */
    uint64_t seed;         /* that it was made with last */
    size_t failures;       /* with so many seeds it did not pass */
    double seconds;        /* of real time that it took */
};

enum state { JUDGED, NOT_STARTED, NOT_HANDED_IN, UNGRADABLE, MACHINE_FAULT };

struct exam {
    const struct grader *grader;
    const char *submission; /* its folder */
    struct seeds seeds;
    bool recalled; /* the first of them failed the last time */
    double weight; /* that its points are multiplied by */
    enum state state;
    struct build build;     /* its messages are for the report */
    double waiting, waited; /* seconds of all calls, and of a run of them in
                               real time; 0: there was none */
    struct result results[CHECKS_MAX];
    size_t result_count;

    /* While it goes on. */
    struct random random;
    struct result *current;
    bool sanitized;        /* there is such a program, too */
    int hangs;             /* runs that had to be stopped */
    struct played *played; /* every scenario, and its run */
};

/* Grades the file that the submission has for grader's exercise. */
void exam_hold(struct exam *exam, const struct grader *grader,
               const struct kit *kit, const char *submission,
               const struct seeds *seeds, bool grade_unstarted);
void exam_free(struct exam *exam);

/* Points that were earned, and that could have been: inconclusive checks do not
   count. */
int exam_earned(const struct exam *exam);
int exam_possible(const struct exam *exam);
bool exam_passed(const struct exam *exam);
bool exam_failed(const struct exam *exam); /* a check of it */
bool exam_inconclusive(const struct exam *exam);

/* From explain.c: tells the current check how the run ended, if it did not end
   well; returns whether it ended well. */
bool explain_end(struct exam *exam, const struct run *run);

/* What AddressSanitizer, UBSan or LeakSanitizer said of it; returns false if
   they said nothing. */
bool explain_sanitizer(struct exam *exam, const struct run *run);

/* Why nobody could go on, out of what the runtime said of who waits for what.
   Static. */
const char *mistake_of_deadlock(const struct run *run);

#endif
