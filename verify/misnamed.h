/*
 * misnamed.h - a file that is perhaps the one that was not handed in.
 */
#ifndef VERIFY_MISNAMED_H
#define VERIFY_MISNAMED_H

#include "text.h"

/* Adds what there is instead of NAME.c in that submission, if there is anything
   like it. It is not graded: whether it was meant, only a person can tell. */
void explain_misnamed(struct text *likely, const char *submission,
                      const char *name);

#endif
