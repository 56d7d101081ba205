/*
 * version.h - which kit this is.
 */
#ifndef VERIFY_VERSION_H
#define VERIFY_VERSION_H

/*
 * Eight digits that stand for the files that a grade depends on: judge,
 * runtime and the exercises' contracts. Two kits with the same ones grade the
 * same way. Read from the kit's top folder, once.
 */
const char *kit_version(void);

#endif
