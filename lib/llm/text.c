/*
 * text.c - text of unknown origin: is it UTF-8, and how is it printed safely?
 */
#include "llm/llm_private.h"

#include <string.h>

/*
 * The smallest character that needs so many bytes: fewer would have done for
 * one below it, and such spellings are forbidden.
 */
static const unsigned long smallest[] = {0, 0, 0x80, 0x800, 0x10000};

size_t llm_utf8_size(const char *text)
{
    const unsigned char *byte = (const unsigned char *)text;
    unsigned long character;
    size_t size;

    if (byte[0] < 0x80)
        return byte[0] ? 1 : 0;
    else if (byte[0] >> 5 == 0x06)
        size = 2, character = byte[0] & 0x1F;
    else if (byte[0] >> 4 == 0x0E)
        size = 3, character = byte[0] & 0x0F;
    else if (byte[0] >> 3 == 0x1E)
        size = 4, character = byte[0] & 0x07;
    else
        return 0;
    for (size_t i = 1; i < size; i++) {
        if (byte[i] >> 6 != 0x02) /* a NUL ends the text here, too */
            return 0;
        character = character << 6 | (byte[i] & 0x3F);
    }
    if (character < smallest[size] || character > 0x10FFFF ||
        (character >= 0xD800 && character <= 0xDFFF))
        return 0;
    return size;
}

const char *llm_utf8_end(const char *text)
{
    for (size_t size; (size = llm_utf8_size(text)) > 0;)
        text += size;
    return text;
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

    if (secret && strlen(secret) >= SHORTEST_SECRET &&
        strncmp(text, secret, strlen(secret)) == 0) {
        *printed = "***";
        *length = 3;
        return strlen(secret);
    }
    *printed = size == 0 ? "?" : byte < 0x20 || byte == 0x7F ? " " : text;
    *length = size > 1 ? size : 1;
    return size ? size : 1;
}

void llm_copy_text(char *to, size_t size, const char *text, const char *secret)
{
    size_t used = 0, cut = 0;
    const char *printed;

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
