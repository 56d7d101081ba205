/*
 * text.c - text of unknown origin: is it UTF-8, and how is it printed safely?
 */
#include "llm/llm_private.h"

#include "scenario/utf8.h"

#include <string.h>

size_t llm_utf8_size(const char *text)
{
    /* A NUL ends the text, and continues no character. */
    return *text ? scenario_utf8_size(text, strnlen(text, 4)) : 0;
}

const char *llm_utf8_end(const char *text)
{
    return text + scenario_utf8_span(text, strlen(text));
}

/* No real key is shorter, and where one is ("any"), words hold it. */
enum { SHORTEST_SECRET = 8 };

/* How many bytes of text the next character takes, and what it is printed as:
   bytes of the text itself, or others. */
static size_t next_character(const char *text, const char *secret,
                             const char **printed, size_t *length)
{
    size_t size = llm_utf8_size(text);
    unsigned char byte = (unsigned char)*text;
    /* Less than all of it where the text itself was cut off. */
    size_t shared = secret ? strnlen(text, strlen(secret)) : 0;

    if (shared >= SHORTEST_SECRET && strncmp(text, secret, shared) == 0) {
        *printed = "***";
        *length = 3;
        return shared;
    }
    *printed = size == 0 ? "?" : byte < 0x20 || byte == 0x7F ? " " : text;
    *length = size > 1 ? size : 1;
    return size ? size : 1;
}

/* A short text that can be printed as it is: almost every one. */
static bool is_harmless(const char *text, size_t size, const char *secret)
{
    size_t length = 0;

    while (text[length] >= ' ' && text[length] <= '~')
        length++;
    return !text[length] && length < size && !(secret && strstr(text, secret));
}

void llm_copy_text(char *to, size_t size, const char *text, const char *secret)
{
    size_t used = 0, cut = 0;
    const char *printed;

    if (is_harmless(text, size, secret)) {
        strcpy(to, text);
        return;
    }
    while (*text) {
        size_t length;

        text += next_character(text, secret, &printed, &length);
        if (used + length + 1 > size) {
            strcpy(to + cut, "...");
            return;
        }
        memcpy(to + used, printed, length);
        used += length;
        if (used + sizeof "..." <= size)
            cut = used; /* up to here there is still room for the dots */
    }
    to[used] = '\0';
}
