/*
 * support.h - what several tests of transfers need.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include "mock_llm/mock_llm.h"

/* A mock server with this latency; the test has failed if there is none. */
struct mock_llm *start_mock(double latency);

/*
 * In a task: suspends until so many requests are in flight, however long that
 * takes. Returns an error code.
 */
int wait_until_in_flight(struct mock_llm *server, int n);

#endif
