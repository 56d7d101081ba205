/* fails: ended itself with exit status 0 */
#include "02_gather.h"

#include <unistd.h>

int call_all(void *job)
{
    (void)job;
    _exit(0);
}
