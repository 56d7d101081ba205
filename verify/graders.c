/*
 * graders.c - the list of all graders.
 */
#include "grader.h"

extern const struct grader grader_01_first_coroutine;
extern const struct grader grader_02_gather;
extern const struct grader grader_03_fix_blocking_call;
extern const struct grader grader_04_fix_forgotten_await;
extern const struct grader grader_05_return_exceptions;
extern const struct grader grader_06_fix_no_error_handling;
extern const struct grader grader_07_fix_constant_backoff;
extern const struct grader grader_08_retry;
extern const struct grader grader_09_fix_no_semaphore;
extern const struct grader grader_10_semaphore;
extern const struct grader grader_11_timeout;
extern const struct grader grader_12_fix_leak_on_cancel;
extern const struct grader grader_13_metadata_extractor;
extern const struct grader grader_14_concurrent_llm_client;
extern const struct grader grader_15_rate_limited_processor;
extern const struct grader grader_16_document_processor;

/* A line for each, so that two can be added at the same time. */
/* clang-format off */
const struct grader *const graders[] = {
    &grader_01_first_coroutine,
    &grader_02_gather,
    &grader_03_fix_blocking_call,
    &grader_04_fix_forgotten_await,
    &grader_05_return_exceptions,
    &grader_06_fix_no_error_handling,
    &grader_07_fix_constant_backoff,
    &grader_08_retry,
    &grader_09_fix_no_semaphore,
    &grader_10_semaphore,
    &grader_11_timeout,
    &grader_12_fix_leak_on_cancel,
    &grader_13_metadata_extractor,
    &grader_14_concurrent_llm_client,
    &grader_15_rate_limited_processor,
    &grader_16_document_processor,
    NULL,
};
/* clang-format on */
