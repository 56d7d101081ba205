/*
 * assembler.h - directives to the assembler in a student's file.
 */
#ifndef VERIFY_ASSEMBLER_H
#define VERIFY_ASSEMBLER_H

#include <stdbool.h>

/*
 * Whether C that went through the preprocessor has any: in asm(), or smuggled
 * into a name that the compiler writes out as it stands. By .ifdef a program
 * could tell a sanitizer's object from the plain one, and be another there; by
 * .incbin it could bring a file along.
 */
bool assembler_is_used(const char *tokens);

#endif
