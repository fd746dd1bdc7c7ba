/* words.h - what the sandbox and isekai-proof say to each other.
 *
 * isekai-proof gets its targets as arguments and writes one line per probe to standard output:
 * `held NAME` or `broke NAME DETAIL`. Before its last probe, cpu, it waits until it
 * finds the file /data/go.
 */
#ifndef ISEKAI_SANDBOX_PROOF_WORDS_H
#define ISEKAI_SANDBOX_PROOF_WORDS_H

enum proof_cage { PROOF_CAGE_look, PROOF_CAGE_small, PROOF_CAGE_filled, PROOF_CAGES };

enum proof_word {
    PROOF_WORD_PROGRAM,
    PROOF_WORD_CAGE,            /* enum proof_cage */
    PROOF_WORD_RUNTIME,         /* paths on the host: <data>/runtime, the run directory, a file of */
    PROOF_WORD_RUN,             /* another app that this uid may read */
    PROOF_WORD_OTHER,
    PROOF_WORD_ADDRESS,         /* an IPv4 address of the host; "": it has none but loopback */
    PROOF_WORD_TCP_PORT,
    PROOF_WORD_UDP_PORT,
    PROOF_WORD_ABSTRACT,        /* a listening abstract socket's name */
    PROOF_WORD_SANDBOX_PID,
    PROOF_WORD_CANARY_PID,
    PROOF_WORD_ENVIRONMENT,     /* names of variables, each with a comma behind */
    PROOF_WORD_OPEN_FILES,
    PROOF_WORD_FILE_MB,
    PROOF_WORD_PIDS,
    PROOF_WORD_MEMORY_MB,
    PROOF_WORD_TMP_OCTETS,
    PROOF_WORD_SHM_OCTETS,
    PROOF_WORD_LANDLOCK,        /* its version; 0: the kernel has none of use */
    PROOF_WORDS
};

enum {
    PROOF_LINE_OCTETS_MAX = 160,
    PROOF_CPU_PERCENT = 3,      /* of the cage, once all but cpu is told: less than a busy host gives */
    PROOF_CPU_US = 60000,       /* what cpu uses: many times more than that gives in one period, and
                                 * than the kernel's tick, at which it looks */
};

#define PROOF_GO "go"           /* in /data */

#endif
