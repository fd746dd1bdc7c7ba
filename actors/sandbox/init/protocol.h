/* protocol.h - what the sandbox and process 1 of a cage say to each other.
 *
 * Over one SOCK_SEQPACKET pair, a fixed struct per message. The sandbox believes nothing of it:
 * a message of another size or kind is passed over.
 * Units: milliseconds, octets, mebibytes where the name says so.
 */
#ifndef ISEKAI_SANDBOX_INIT_PROTOCOL_H
#define ISEKAI_SANDBOX_INIT_PROTOCOL_H

#include <stdint.h>

/* The descriptors isekai-init is started with, beside 0 (nothing), 1 and 2 (the app's log). */
enum {
    INIT_FD_CONTROL = 3,        /* this protocol */
    INIT_FD_LISTENER = 4,       /* the app's listening UNIX socket; in a warm cage, INIT_ARG_PORT 0,
                                 * what node is told over which app it is, as INIT_FD_HANDOVER */
    INIT_FD_LIFELINE = 5,       /* end of file: the sandbox is gone, and so are we */
    INIT_FD_FILTER = 6,         /* the seccomp program of the app */
    INIT_FD_SECRETS = 7,        /* NAME=VALUE and a NUL for each, then the end: what the app, and
                                 * nobody else, finds in its environment beside what process 1 has */
    INIT_FD_COUNT = 8
};

/* Of the node of a warm cage; see warm.js, which closes it before the app's first line. */
enum { INIT_FD_HANDOVER = 3 };

enum init_report_kind {
    INIT_BEGAN = 1,             /* the cage stands, the app is about to start */
    INIT_ACTIVITY,              /* octets went through the relay since the last report */
    INIT_APP_EXITED,            /* value is the status of wait(2) */
    INIT_REFUSED,               /* system call number `value` was refused `count` times so far */
    INIT_SERVES                 /* INIT_SERVE is done */
};
struct init_report { uint32_t kind; int32_t value; uint32_t count; };

enum init_order_kind {
    INIT_STOP = 1,              /* take no more connections; SIGTERM to the app once those there are
                                 * have their answers, after value ms at the latest */
    INIT_SERVE                  /* a warm cage has an app now: value is its port, and its listening
                                 * socket comes with the message */
};
struct init_order { uint32_t kind; uint32_t value; };

enum { INIT_SECRETS_MAX = 32, INIT_SECRETS_OCTETS = INIT_SECRETS_MAX * (64 + 1 + 4096 + 1) };

/* argv[1..] of isekai-init, before the app's own argv. */
enum init_argument {
    INIT_ARG_PORT = 1,          /* where the app listens in its network; 0: INIT_SERVE will tell */
    INIT_ARG_HOLD_MS,           /* how long a connection waits for an app to listen */
    INIT_ARG_OPEN_FILES,        /* RLIMIT_NOFILE of the app */
    INIT_ARG_FILE_MB,           /* RLIMIT_FSIZE */
    INIT_ARG_PROCESSES,         /* RLIMIT_NPROC */
    INIT_ARG_DATA_MB,           /* RLIMIT_DATA; 0: none */
    INIT_ARG_LANDLOCK,          /* the version of Landlock that the kernel has; 0: none of use */
    INIT_ARG_RUNTIME_WORDS,     /* how many of the words that follow start what the app is a guest
                                 * of, and not the app; 0: none */
    INIT_ARG_APP
};

#endif
