/* store.c - put the parts together, and take them apart in the order that loses nothing. */
#include "actors/store/store.h"

enum {
    WAL_OCTETS = 16777216,
    WAL_OCTETS_MAX = 67108864,
};

bool store_open(struct store *store, const char *directory, const struct store_settings *settings,
                const struct bus_settings *bus, struct fault *fault)
{
    const struct writer_bounds bounds = {
        .checkpoint_ms = (int64_t)settings->store_checkpoint_s * 1000,
        .wal_octets = WAL_OCTETS,
        .wal_octets_max = WAL_OCTETS_MAX,
    };

    *store = (struct store){
        .database.lock = -1,
        .operations_kept_ms = (int64_t)settings->operations_kept_s * 1000,
        .message_octets_max = (size_t)bus->bus_message_bytes_max,
    };
    if (!database_open(&store->database, directory, fault))
        return false;
    struct connection *connection = connection_open_writer(&store->database, fault);
    if (connection && !keys_open(&store->keys, connection, directory, settings->store_key_file,
                                 fault)) {
        connection_close(connection);
        connection = NULL;
    }
    if (connection)
        store->writer = writer_new(connection, &bounds, fault);
    if (store->writer)
        store->readers = readers_new(&store->database, (size_t)settings->store_reader_threads,
                                     fault);
    if (store->readers) {
        writer_pauses(store->writer, store->readers);
        return true;
    }
    store_close(store);
    return false;
}

/* The thread ends while its readers live, its connection closes after theirs: only the last to
 * close leaves no WAL behind, and of all only the writer may do that. */
void store_close(struct store *store)
{
    writer_stop(store->writer);
    readers_free(store->readers);
    writer_free(store->writer);
    database_close(&store->database);
    keys_close(&store->keys);
    store->readers = NULL;
    store->writer = NULL;
}

bool store_is_healthy(void *self, char level[200])
{
    struct store *store = self;

    return writer_is_healthy(store->writer, level);
}
