/* ungradable: it uses assembler */
#include "02_gather.h"

#include <stdio.h>

extern const char text[], text_end[];

__asm__(".section .rodata\ntext: .incbin \"/usr/include/stdio.h\"\n"
        "text_end: .text\n");

int call_all(void *job)
{
    (void)job;
    return printf("%.*s\n", (int)(text_end - text), text) < 0;
}
