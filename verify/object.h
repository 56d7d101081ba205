/*
 * object.h - what a compiled student's file brings along, apart from functions.
 */
#ifndef VERIFY_OBJECT_H
#define VERIFY_OBJECT_H

#include "text.h"

/*
 * Looks through an object file, not sanitized, for what no exercise needs and a
 * judge cannot have: code that runs before main(), names of the sanitizers' own
 * functions, names of the judge's. If there is any, fills problem and likely,
 * for the report, and returns true. A file that it cannot read is such a
 * problem, too.
 */
bool object_is_refused(const char *path, struct text *problem,
                       struct text *likely);

#endif
