/* fails: ended itself with exit status 0 */
#include "02_gather.h"

#include <stdlib.h>

int call_all(void *job)
{
    (void)job;
    exit(0);
}
