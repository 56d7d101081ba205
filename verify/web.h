/*
 * web.h - the judge's record of the requests that a program sent.
 *
 * Some exercises are judged by what a web server saw, whatever the program did
 * it with: tasks, threads, or libcurl by hand. The server (server/main.c) is a
 * process beside the program's, and dies with it. What it tells, as it happens,
 * is all that counts; the program cannot reach the server but by requests.
 *
 * The clock is the real one, and so no time is compared with another, but where
 * a busy machine can only make it longer than is asked for.
 */
#ifndef VERIFY_WEB_H
#define VERIFY_WEB_H

#include "text.h"

struct run;
struct items;

/* What the server is to be like; all zeroes: there is none. */
struct web {
    struct text settings; /* NAME=VALUE, a line for each: see mock_llm --help */
    bool wanted;          /* there is a server, even without settings */
    const struct items *items; /* what its requests are for: traffic.h */
    char key[16];              /* "" or the API key that the program has */
    /*
     * The hold proves how many are in flight: nobody is answered before so many
     * are, and nothing moves any more; then the oldest alone, whenever so many
     * are in flight again, until `requests` have come; then all. 0: no hold.
     */
    size_t hold, requests;
    size_t cancel_at; /* the student's function is cancelled when so many have
                         come, and nothing moves any more; 0: never */
};

/* One request. Moments are nanoseconds of the server's clock; NEVER if they
   did not come. */
struct request {
    int64_t arrived, ended;
    char method[8];
    char *path, *model, *system, *prompt; /* NULL: there was none */
    double max_tokens, temperature;       /* -1: not given */
    int status;                           /* 0: not answered */
    bool answered;                        /* wholly and rightly */
    bool left;        /* the client closed the connection before its end */
    long tokens;      /* 0 unless answered */
    int64_t cost;     /* billionths of a dollar */
    size_t in_flight; /* with it, when it arrived */
};

/* What became of a hold. */
struct held {
    enum { NO_HOLD, FILLING, STEPPING, OPENED } phase;
    bool failed;  /* it had to be opened with too few in flight: */
    size_t found; /* so many, */
    size_t after; /* when so many had come */
};

/* The server, in a run. */
struct traffic {
    struct request *requests; /* in the order of their arrival */
    size_t count, in_flight, most_in_flight;
    struct held held;
    bool ready;         /* it could be started */
    size_t at_cancel;   /* the count when the function was cancelled */
    bool settling;      /* the function has returned, its requests may end */
    struct text unread; /* of what it told */
};

/* Starts the server of the run, on that socket, which is closed. 0, or a
   negative errno value. */
int web_start(struct run *run, int listener);

/* Reads what it told by now. Returns false if it has gone. */
bool web_read(struct run *run);

/* Nothing that could run is left, and nothing ran, for so many looks. */
void web_quiet(struct run *run, int looks);

void web_free(struct run *run);

/* ---- Looking things up ------------------------------------------------- */

/* Of all requests that were answered wholly and rightly. */
long tokens_of_all(const struct run *run);
int64_t cost_of_all(const struct run *run);

/* How many looks it takes until a program does no more by itself; and until
   nothing will come, although it should. */
enum { SETTLED_LOOKS = 4, STUCK_LOOKS = 50 };

#endif
