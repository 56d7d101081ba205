/*
 * utf8.h - JSON is UTF-8; what comes over a socket need not be.
 */
#ifndef SCENARIO_UTF8_H
#define SCENARIO_UTF8_H

#include <stddef.h>

/* The bytes of the character that they begin with, 1 to 4; 0 if with none. */
size_t scenario_utf8_size(const char *bytes, size_t size);

/* How many bytes from the beginning are UTF-8: size if all of them are. */
size_t scenario_utf8_span(const char *bytes, size_t size);

/*
 * The bytes as a string that is UTF-8: U+FFFD stands for each NUL and each byte
 * that does not fit. The caller's, to be freed; NULL without memory.
 */
char *scenario_utf8_clean(const char *bytes, size_t size);

#endif
