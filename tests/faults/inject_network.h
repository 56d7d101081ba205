/*
 * inject_network.h - see inject.h.
 */
#ifndef INJECT_NETWORK_H
#define INJECT_NETWORK_H

/* From now on libcurl and cJSON ask for memory in a way that can fail. To be
   called before either is used. */
void fault_inside_libraries(void);

#endif
