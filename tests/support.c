/*
 * support.c - see support.h.
 */
#include "support.h"

#include "async/async.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct mock_llm *start_mock(double latency)
{
    struct mock_llm_options options = {.scenario.latency = latency};
    char error[MOCK_LLM_ERROR_SIZE];
    struct mock_llm *server = mock_llm_start(&options, error);

    if (!server)
        fail_msg("%s", error);
    return server;
}

int wait_until_in_flight(struct mock_llm *server, int n)
{
    struct mock_llm_ledger ledger;
    int seen;

    do {
        int err = async_sleep(0.001);
        if (!err)
            err = mock_llm_ledger_copy(server, &ledger);
        if (err)
            return err;
        seen = ledger.in_flight;
        mock_llm_ledger_free(&ledger);
    } while (seen != n);
    return 0;
}
