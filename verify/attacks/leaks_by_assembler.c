/* ungradable: it uses assembler */
#include "02_gather.h"

#include <stdlib.h>

/* A section's name is written out as it stands: where the sanitizer has labels
   of its own, this would bring a function that finds no leaks. */
__attribute__((section(".data.a\n.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
                       ".ifdef .LASANPC\\n\n"
                       ".globl __lsan_do_recoverable_leak_check\n"
                       ".pushsection .text\n"
                       "__lsan_do_recoverable_leak_check: xor %eax,%eax\n"
                       "ret\n.popsection\n.endif\n.endr\n"
                       ".section .data.b"))) int odd = 1;

int call_all(void *job)
{
    struct fan_out *fan_out = job;
    char *volatile lost = malloc(1000);
    volatile char buffer[20];

    buffer[fan_out->n % 20] = 1;
    lost = NULL;
    return lost ? buffer[0]
                : async_gather_each(fan_out->simulated_api_call, fan_out->calls,
                                    fan_out->n);
}
