/*
 * scenario_private.h - what the files of lib/scenario share; nobody else
 * includes it.
 */
#ifndef SCENARIO_PRIVATE_H
#define SCENARIO_PRIVATE_H

#include "scenario/scenario.h"

/* FNV-1a: short, and each byte of the text changes all of the result. */
uint64_t scenario_hash(const char *text);

/* faults.c: the fault that hits the request, or NULL. */
const struct scenario_fault *
scenario_fault_of(const struct scenario *scenario,
                  const struct scenario_request *request);

/* faults.c: seconds before its first token. */
double scenario_latency_of(const struct scenario *scenario,
                           const struct scenario_request *request);

#endif
