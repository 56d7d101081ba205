/*
 * platform.h - what one operating system does otherwise than another.
 */
#ifndef MOCK_LLM_PLATFORM_H
#define MOCK_LLM_PLATFORM_H

#include <stdbool.h>

/*
 * Whether a connection's other end has gone, or will send no more. Bytes that
 * wait to be read stay there. (Where POLLRDHUP is unknown, a client that left
 * behind such bytes is not noticed.)
 */
bool mock_llm_peer_has_left(int fd);

/* Gives the calling thread a name, for debuggers. */
void mock_llm_name_thread(const char *name);

#endif
