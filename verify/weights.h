/*
 * weights.h - what each exercise counts.
 */
#ifndef VERIFY_WEIGHTS_H
#define VERIFY_WEIGHTS_H

/* Reads the file, or, if path is NULL, the kit's own, which may be missing.
   Gives up, EXIT_USAGE, if it makes no sense. */
void weights_read(const char *path);

/* 1 for an exercise that the file does not name. */
double weight_of(const char *exercise);

#endif
