/*
 * filter.h - system calls that a submission is refused.
 */
#ifndef VERIFY_FILTER_H
#define VERIFY_FILTER_H

#include <stdbool.h>

/*
 * In a child before exec, without new privileges: from now on it can send no
 * signals but to itself, cannot change other processes' limits, and it and its
 * children cannot leave their process group. Returns whether the system can do
 * that.
 */
bool filter_signals(void);

/* Whether it can, on this machine, as far as is known before it is tried. */
bool filter_is_known(void);

#endif
