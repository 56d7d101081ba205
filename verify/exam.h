/*
 * exam.h - one exercise of one student, from the file to the points.
 */
#ifndef VERIFY_EXAM_H
#define VERIFY_EXAM_H

#include "build.h"
#include "evidence.h"
#include "grader.h"
#include "seeds.h"

enum { CHECKS_MAX = 16 };

/* So many checks that hang are borne. */
enum { HANGS_MAX = 2 };

#define DEFAULT_SUBMISSION "exercises"

/* Failed, unless somebody says otherwise. */
enum verdict { FAIL, PASS, NOT_REACHED, INCONCLUSIVE };

/* A scenario once more in real time, for who wants to see it. */
struct real_run {
    size_t items;
    double calls, took; /* seconds: of all calls, and until it returned; 0:
                           there was none */
};

struct result {
    const struct check *check;
    enum verdict verdict;
    struct text asked, seen, likely;
    struct text why;          /* of NOT_REACHED and INCONCLUSIVE */
    struct evidence evidence; /* of FAIL */
    struct real_run real;     /* of PASS */
    uint64_t seed;            /* that it was found with */
    size_t failures;          /* with so many seeds it did not pass */
    size_t hangs;             /* so many runs had to be stopped */
    double seconds;           /* of real time that it took */
};

enum state { JUDGED, NOT_STARTED, NOT_HANDED_IN, UNGRADABLE, MACHINE_FAULT };

struct exam {
    const struct grader *grader;
    const char *submission; /* its folder */
    struct seeds seeds;
    bool recalled; /* the first of them failed the last time */
    double weight; /* that its points are multiplied by */
    enum state state;
    struct build build;   /* its messages are for the report */
    struct real_run real; /* if all is well, and there is anything to see */
    struct result results[CHECKS_MAX];
    size_t result_count;
    enum outcome sanitized; /* whether there is such a program, too */
    int sanitizer; /* a deputy makes it meanwhile: its fd; -1: nobody does */

    /* While a check is made. */
    struct random random;
    struct result *current;
    size_t turn;              /* of the seeds, the one that it is made with */
    struct played *played;    /* every scenario, and its run */
    const struct run *latest; /* of them, NULL if there was none */
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

/* ---- While a check is made --------------------------------------------- */

/* From play.c: the current check was not decided by what the program did. */
void give_up(struct exam *exam, enum verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Of the scenarios that the check has played, one in which much was in flight
   is played in real time; it earns no points, since a busy machine is slow. */
void play_for_real(struct exam *exam);

/* Forgets the scenarios. */
void play_free(struct exam *exam);

/* A result as it is before its check is made. */
void result_clear(struct result *result);

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
