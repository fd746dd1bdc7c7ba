/* rig.h - a whole sandbox in a directory of its own, without a bus, and ways to look into it.
 *
 * Everything is real: bubblewrap, node, cgroups where the host has them. Each rig is removed by
 * rig_remove(). Failing helpers fail the test that calls them.
 */
#ifndef ISEKAI_TESTS_SANDBOX_RIG_H
#define ISEKAI_TESTS_SANDBOX_RIG_H

#include "actors/sandbox/sandbox.h"

enum { RIG_ANSWER_SIZE = 65536, RIG_WAIT_MS = 20000 };

struct rig {
    char path[PATH_MAX], data[PATH_MAX], run[PATH_MAX], init[PATH_MAX], plain[PATH_MAX];
    const char *modules;            /* for every cage; NULL: none */
    struct bus_settings bus;
    struct sandbox_settings settings;
    struct gateway_settings gateway;
    struct sandbox sandbox;
    bool is_open;
    struct arena *arena;
    struct run_state state;         /* of the last start, stop or get */
    struct failure failure;         /* of the last start */
    struct fault fault;             /* of the last call */
    char answer[RIG_ANSWER_SIZE];   /* of the last rig_ask(), NUL-terminated */
    uint64_t run_number, warm_wanted;
    bool is_warm;                   /* every start shall be warm; fails the test when it is not */
    bool is_plain;                  /* plain_app stands in place of node */
    struct secrets *secrets;        /* of the next starts */
    struct disk_quota *quota;       /* while it is open; NULL: the directory's file system has none */
};

/* The directories and settings, with the runtime that ISEKAI_TEST_RUNTIME names, else bwrap; where
 * that is not installed the program ends as skipped. Change settings before rig_open(). No warm cages, but with
 * ISEKAI_TEST_WARM in the environment, and then every start waits for one. With ISEKAI_TEST_PLAIN
 * apps are rows of plain_app.c, and no Node.js is needed. */
void rig_make(struct rig *rig);
bool rig_is_gvisor(const struct rig *rig);
void rig_open(struct rig *rig);
void rig_shut(struct rig *rig);         /* sandbox_close(), the directory stays */
void rig_remove(struct rig *rig);       /* and then the directory goes */

/* The server.js of an app that is JavaScript, or where the rig is plain the row `word`. */
const char *rig_code(const struct rig *rig, const char *word, const char *server_js);
/* A program that lies beside the test, as a new file. */
void rig_copy_program(const struct rig *rig, const char *name, const char *target);

/* Start an app of one server.js, or of these files. */
bool rig_start(struct rig *rig, const char *app_id, uint64_t version, const char *server_js);
bool rig_start_files(struct rig *rig, const char *app_id, uint64_t version, struct files files,
                     const struct run_config *config);
bool rig_stop(struct rig *rig, const char *app_id);
void rig_wait_warm(struct rig *rig, uint64_t count);    /* so many warm cages are ready */
bool rig_get(struct rig *rig, const char *app_id);

/* GET a path of the app over its socket; the whole answer with its head in rig->answer. False
 * when nobody answers. */
bool rig_ask(struct rig *rig, const char *app_id, const char *path);
int  rig_connect(struct rig *rig, const char *app_id);      /* -1: nobody listens */
bool rig_socket_is_there(struct rig *rig, const char *app_id);

/* The app's whole log as text in the arena, lines ended by LF. */
const char *rig_log(struct rig *rig, const char *app_id);
/* The log lines of the last failed start, joined. */
const char *rig_failure_log(struct rig *rig);

/* Poll a condition until it is true or RIG_WAIT_MS is over. */
bool rig_wait(bool (*is_true)(void *self), void *self);

/* The next end that changes what the app is; those that are only for the record are passed over. */
bool rig_next_ended(struct rig *rig, struct ended_run *out);

/* Counts of what must not be left behind. */
unsigned rig_count_entries(const char *path);
/* Waits: other threads open some for a moment, and may have when they were counted first. */
bool rig_fds_at_most(unsigned count);
unsigned rig_count_fds(void);
unsigned rig_count_mounts(void);
unsigned rig_count_cgroups(struct rig *rig);        /* of cages */
unsigned rig_count_processes(struct rig *rig);      /* whose command line names this rig */
bool rig_has_cgroups(const struct rig *rig);

/* A server that answers `expression` (JavaScript) to every request. */
#define SERVER_SAYING(expression) \
    "require('http').createServer((q, r) => { let v; try { v = " expression "; } " \
    "catch (e) { v = 'threw ' + (e.code || e.message); } r.end(String(v)); })" \
    ".listen(process.env.PORT);"

#endif
