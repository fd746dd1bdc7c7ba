/* database.c - find, lock and open the file; give each connection its rights and no more. */
#include "actors/store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "actors/store/schema.h"

static bool make_directory(const char *path, struct fault *fault)
{
    char parent[DATABASE_PATH_SIZE];
    size_t length = strlen(path);

    if (length >= sizeof parent)
        return fault_set(fault, FAULT_internal, "the path is longer than %d", DATABASE_PATH_SIZE);
    memcpy(parent, path, length + 1);
    for (char *slash = strchr(parent + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(parent, 0700) < 0 && errno != EEXIST)
            return fault_set(fault, FAULT_internal, "mkdir '%s': %s", parent, strerror(errno));
        *slash = '/';
    }
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fault_set(fault, FAULT_internal, "mkdir '%s': %s", path, strerror(errno));
    return true;
}

/* A second open file description for the same lock file is refused, also in this process. */
static bool lock_directory(int directory, const char *path, int *out, struct fault *fault)
{
    OWNED(fd) int lock = openat(directory, "isekai.lock",
                                O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (lock < 0)
        return fault_set(fault, FAULT_internal, "open '%s/isekai.lock': %s", path,
                         strerror(errno));
    if (flock(lock, LOCK_EX | LOCK_NB) < 0)
        return fault_set(fault, FAULT_conflict, "another store process uses '%s': %s", path,
                         strerror(errno));
    *out = fd_take(&lock);
    return true;
}

/* Made here, and not by SQLite, so that it is 0600 from its first moment; SQLite gives -wal and
 * -shm the mode of the file itself. */
static bool make_file(int directory, struct fault *fault)
{
    OWNED(fd) int file = openat(directory, "isekai.db",
                                O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (file < 0)
        return fault_set(fault, errno == ENOSPC || errno == EDQUOT ? FAULT_disk_full :
                         FAULT_internal, "open 'isekai.db': %s", strerror(errno));
    if (fchmod(file, 0600) < 0)
        return fault_set(fault, FAULT_internal, "chmod 'isekai.db': %s", strerror(errno));
    return true;
}

bool database_open(struct database *database, const char *directory, struct fault *fault)
{
    char real[PATH_MAX];
    OWNED(fd) int at = -1;

    database->lock = -1;
    at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0 && errno == ENOENT) {
        if (!make_directory(directory, fault))
            return false;
        at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (at < 0 || !realpath(directory, real))
        return fault_set(fault, FAULT_internal, "open '%s': %s", directory, strerror(errno));
    if (!lock_directory(at, directory, &database->lock, fault))
        return false;
    int length = snprintf(database->path, sizeof database->path, "%s/isekai.db", real);
    if (length < 0 || (size_t)length >= sizeof database->path)
        (void) fault_set(fault, FAULT_internal, "'%s' is too long", directory);
    else if (make_file(at, fault))
        return true;
    database_close(database);
    return false;
}

void database_close(struct database *database)
{
    fd_drop(&database->lock);
}

/* Counting its memory would make all threads meet at one mutex. */
static void configure_library(void)
{
    (void) sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static bool configure(struct connection *connection, int option, int value, struct fault *fault)
{
    int result = sqlite3_db_config(connection->db, option, value, NULL);

    return result == SQLITE_OK || fault_from_sqlite(connection, result, fault);
}

static bool execute(struct connection *connection, const char *sql, struct fault *fault)
{
    int result = sqlite3_exec(connection->db, sql, NULL, NULL, NULL);

    return result == SQLITE_OK || fault_from_sqlite(connection, result, fault);
}

/* What both kinds have in common. The automatic checkpoint is off: the writer does its own. */
static bool prepare_connection(struct connection *connection, struct fault *fault)
{
    return sqlite3_busy_timeout(connection->db, DATABASE_BUSY_MS) == SQLITE_OK &&
           sqlite3_wal_autocheckpoint(connection->db, 0) == SQLITE_OK &&
           configure(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, fault) &&
           configure(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, fault) &&
           configure(connection, SQLITE_DBCONFIG_ENABLE_FKEY, 1, fault) &&
           configure(connection, SQLITE_DBCONFIG_DQS_DML, 0, fault) &&
           configure(connection, SQLITE_DBCONFIG_DQS_DDL, 0, fault) &&
           execute(connection, "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"
                   "PRAGMA cache_size = -8000", fault);
}

static struct connection *open_connection(const struct database *database, int flags,
                                          struct fault *fault)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct connection *connection = calloc(1, sizeof *connection);

    (void) pthread_once(&once, configure_library);
    if (!connection) {
        (void) fault_set(fault, FAULT_internal, "no memory for a connection");
        return NULL;
    }
    int result = sqlite3_open_v2(database->path, &connection->db,
                                 flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
                                 SQLITE_OPEN_EXRESCODE, NULL);
    if (result != SQLITE_OK)
        (void) fault_from_sqlite(connection, result, fault);
    else if (prepare_connection(connection, fault))
        return connection;
    (void) fault_while(fault, "open '%s'", database->path);
    connection_close(connection);
    return NULL;
}

struct connection *connection_open_bare(const struct database *database, struct fault *fault)
{
    struct connection *connection = open_connection(database, SQLITE_OPEN_READWRITE, fault);

    if (connection && !execute(connection, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
                               fault)) {
        (void) fault_while(fault, "open '%s'", database->path);
        connection_close(connection);
        return NULL;
    }
    return connection;
}

struct connection *connection_open_writer(const struct database *database, struct fault *fault)
{
    struct connection *connection = connection_open_bare(database, fault);

    if (!connection)
        return NULL;
    if (schema_migrate(connection, migrations, migration_count, fault) &&
        statements_prepare(connection, true, fault))
        return connection;
    (void) fault_while(fault, "open '%s'", database->path);
    connection_close(connection);
    return NULL;
}

struct connection *connection_open_reader(const struct database *database, struct fault *fault)
{
    struct connection *connection = open_connection(database, SQLITE_OPEN_READONLY, fault);

    if (!connection)
        return NULL;
    if (configure(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, fault) &&
        execute(connection, "PRAGMA query_only = ON", fault) &&
        statements_prepare(connection, false, fault))
        return connection;
    connection_close(connection);
    return NULL;
}

void connection_close(struct connection *connection)
{
    if (!connection)
        return;
    statements_finalize(connection);
    (void) sqlite3_close(connection->db);
    free(connection);
}
