/* fails: likely polling | it had not ended */
#include "02_gather.h"

int call_all(void *job)
{
    (void)job;
    for (;;) {
        int err = async_sleep(1e-6);
        if (err)
            return err;
    }
}
