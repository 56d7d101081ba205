/*
 * timeline.h - a program's calls as a small picture.
 */
#ifndef VERIFY_TIMELINE_H
#define VERIFY_TIMELINE_H

#include "ledger.h"

/* A line for each of the first calls, from its beginning to its end, at most 76
   columns wide. Nothing if there is nothing to be seen. */
void timeline_add(struct text *text, const struct run *run);

#endif
