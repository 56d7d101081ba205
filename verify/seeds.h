/*
 * seeds.h - the numbers from which scenarios are drawn.
 *
 * Each check is made with several, and its grade is the worst of them: a
 * program that is right by chance is not right by chance three times.
 */
#ifndef VERIFY_SEEDS_H
#define VERIFY_SEEDS_H

#include "text.h"

enum { SEEDS_MAX = 100, SEEDS_DRAWN = 3 };

struct seeds {
    uint64_t list[SEEDS_MAX];
    size_t count;
    bool given, secret; /* by whoever runs the judge; not to be told */
    bool every;         /* goes on after a failure, to count them */
};

/* One that was given by hand; gives up, EXIT_USAGE, if they are too many. */
void seeds_add(struct seeds *seeds, uint64_t seed);

/* The same for whoever has the same file. */
void seeds_from_secret(struct seeds *seeds, const char *path);

/* If none were given. Short, so that they are easily typed again. */
void seeds_draw(struct seeds *seeds);

/* ---- Seeds that a program has failed with ------------------------------ */

/*
 * They are kept in a file, one for each exercise, until the exercise has passed
 * with it: a mistake that shows now and then is not gone when it does not show.
 */

/* Puts the one that is kept for the exercise first; returns whether one is. */
bool seeds_recall(struct seeds *seeds, const char *path, const char *exercise);

/* Keeps that seed for the exercise, or none, if it is NULL. */
void seeds_keep(const char *path, const char *exercise, const uint64_t *seed);

#endif
