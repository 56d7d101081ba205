/* fails: it was ended by signal 9 */
#include "02_gather.h"

#include <signal.h>

int call_all(void *job)
{
    (void)job;
    return raise(SIGKILL);
}
