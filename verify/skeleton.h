/*
 * skeleton.h - whether a student has started yet.
 */
#ifndef VERIFY_SKELETON_H
#define VERIFY_SKELETON_H

#include "text.h"

/* Whether the source is the kit's skeleton of that exercise, but for comments
   and white space. Gives up, EXIT_MACHINE, if the kit's cannot be read. */
bool skeleton_is(const char *exercise, const struct text *source);

#endif
