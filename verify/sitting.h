/*
 * sitting.h - the checks of an exam, side by side.
 */
#ifndef VERIFY_SITTING_H
#define VERIFY_SITTING_H

#include "exam.h"

/*
 * Makes every check of the exam that is reached, with each of its seeds. What a
 * check finds depends on the seeds alone, whatever is made beside it.
 */
void make_checks(struct exam *exam);

#endif
