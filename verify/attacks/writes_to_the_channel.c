/* fails: it wrote to file descriptor 3 itself */
#include "02_gather.h"

#include <unistd.h>

int call_all(void *job)
{
    (void)job;
    return write(3, "PASS\n", 5) < 0;
}
