/*
 * utf8.c - finds the bytes that are no UTF-8: one character at a time, its
 * length read from its first byte.
 */
#include "scenario/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static size_t length_of(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead < 0xc0 || lead >= 0xf8)
        return 0;
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

size_t scenario_utf8_size(const char *bytes, size_t size)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = size > 0 ? (unsigned char)bytes[0] : 0x80;
    size_t length = length_of(lead);

    if (length < 2)
        return length;
    if (length > size)
        return 0;

    uint32_t code = lead & (0x7fu >> length);

    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)bytes[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | ((unsigned char)bytes[i] & 0x3f);
    }
    if (code < smallest[length] || code > 0x10ffff ||
        (code >= 0xd800 && code <= 0xdfff))
        return 0;
    return length;
}

size_t scenario_utf8_span(const char *bytes, size_t size)
{
    size_t good = 0;

    while (good < size) {
        /* Most text is ASCII, for which no call is needed. */
        bool ascii = (unsigned char)bytes[good] < 0x80;
        size_t length =
            ascii ? 1 : scenario_utf8_size(bytes + good, size - good);

        if (length == 0)
            break;
        good += length;
    }
    return good;
}

char *scenario_utf8_clean(const char *bytes, size_t size)
{
    static const char replacement[] = "\xef\xbf\xbd";
    char *clean = malloc(size * strlen(replacement) + 1);
    size_t used = 0;

    if (!clean)
        return NULL;
    for (size_t i = 0; i < size;) {
        size_t length = scenario_utf8_size(bytes + i, size - i);

        if (length == 0 || bytes[i] == '\0') {
            memcpy(clean + used, replacement, strlen(replacement));
            used += strlen(replacement);
            i++;
        } else {
            memcpy(clean + used, bytes + i, length);
            used += length;
            i += length;
        }
    }
    clean[used] = '\0';
    return clean;
}
