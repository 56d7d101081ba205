/*
 * machine.h - what grading needs of the machine.
 */
#ifndef VERIFY_MACHINE_H
#define VERIFY_MACHINE_H

/*
 * Opens the three standard descriptors where they are closed, and raises the
 * limits that whoever started us has set too low. Ends the judge where it may
 * not: what a submission runs into there would look like its own mistake.
 */
void machine_prepare(void);

#endif
