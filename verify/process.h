/*
 * process.h - a child with limits, whose output is caught and bounded, and that
 * ends as a whole: it, its children, and whatever they left behind.
 *
 * The compiler runs in such a child, and so does each scenario. There is one at
 * a time; deputies (deputy.h) have their own.
 */
#ifndef VERIFY_PROCESS_H
#define VERIFY_PROCESS_H

#include "sandbox.h"
#include "text.h"

#include <sys/types.h>

struct limits {
    int cpu_seconds;
    size_t memory;       /* resident bytes, of all its processes together */
    size_t file;         /* bytes, of one file that it writes */
    size_t output;       /* bytes, on standard output and standard error each */
    int blocked_seconds; /* in which nothing of it could run */
    int patience;        /* seconds in which it ran, or slept */
    int wall_seconds;    /* the guard against a machine that stands still */
    size_t processes;    /* and threads, on top of what runs; 0: a few */
};

/* How a process came to its end. */
enum ending {
    RUNNING,
    ENDED,    /* by itself: status tells */
    STOPPED,  /* by the judge, who had seen enough */
    OVER_CPU, /* and so on: over that limit */
    OVER_MEMORY,
    OVER_OUTPUT,
    BLOCKED,    /* slept in a system call for blocked_seconds, at no CPU time */
    IN_SIGSTOP, /* the same, but it was stopped by a signal, */
    IN_VFORK,   /* or waited for a child to run another program, */
    WITHOUT_MAIN, /* or its main thread had ended */
    OVER_TIME,    /* over its patience, by no fault of the machine */
    NOT_BEGUN,    /* its sandbox could not be made: the machine's fault, too */
    STALLED /* over wall_seconds though it could run: the machine's fault */
};

/* What came out of one of its two outputs. */
struct stream {
    int fd;
    struct text kept;  /* the first part of it, for the report */
    struct text fresh; /* what nobody has looked at yet; standard output's */
    size_t total;
};

struct process {
    pid_t pid;
    int channel; /* our end, non-blocking; -1: none, or closed */
    int sandbox; /* where its sandbox tells what became of it; -1: none */
    int server;  /* our end of the socket to its web server; -1: none */
    pid_t server_pid;
    struct stream out, err;
    const struct limits *limits;
    enum ending ending;
    int status;                /* as waitpid gives it, if ENDED */
    enum ending gone;          /* how it ended, once it did by itself */
    bool hung_up;              /* the channel has come to its end */
    int64_t last_look;         /* at its limits: when, */
    int looks;                 /* how often, */
    int asleep, starved, deaf; /* and how often it slept (in a row), was not
                                  let run (in all), and had hung up */
    int quiet; /* how often nothing of it could run, since it was heard last */
    struct look latest; /* what the last look saw */
};

struct command {
    char *const *arguments;   /* the program's path first; ended by NULL */
    char *const *environment; /* ended by NULL */
    const char *folder;       /* where it runs, and may write */
    const char *world;        /* in a sandbox, that is all that it sees of
                                 others' folders: this one, or one above */
    bool channel;             /* a socket at descriptor CHANNEL */
    const char *server;       /* what its web server runs, if it has one */
    const struct limits *limits;
};

/* Once, before anything else: Ctrl-C and SIGTERM end the child, too. */
void process_prepare(void);

/* In a deputy: whatever it has to stop for, the judge tells it. */
void process_deputy(void);

/* Whether that has been asked for; and to do so, once no child is left. */
bool process_interrupted(void);
void process_stop(void) __attribute__((noreturn));

/* "PATH=...", for an environment. */
char *path_variable(void);

/* Starts it. 0, or a negative errno value if it cannot be run. */
int process_start(struct process *process, const struct command *command);

/*
 * Starts another program beside it, which ends with it: with a socket to us as
 * descriptor CHANNEL, and listener, which is closed here, behind that. 0, or a
 * negative errno value.
 */
int process_serve(struct process *process, char *const *arguments,
                  int listener);

/*
 * Waits until the channel or the server can be read, or, if there is a server,
 * nothing could run once more (true), or the process has come to its end
 * (false). The outputs are read meanwhile.
 */
bool process_wait(struct process *process);

/* The channel has come to its end, and so the process is soon to. */
void process_hang_up(struct process *process);

/* Reads what stands in the outputs by now. */
void process_drain(struct process *process);

/* Says bytes on the channel. What nobody reads any more is lost. */
void process_tell(struct process *process, const char *bytes, size_t n);

/* Ends all its processes, if need be, for this reason, and reaps them. */
void process_end(struct process *process, enum ending why);

/* Forgets the process, which has ended, and its outputs. */
void process_free(struct process *process);

#endif
