/* ungradable: the compiler needed too much */
#include "02_gather.h"

#define A(x) x x x x x x x x x x x x x x x x
#define B(x) A(A(A(A(x))))
#define C(x) B(B(x))

int call_all(void *job)
{
    C((void)job;)
    return 0;
}
