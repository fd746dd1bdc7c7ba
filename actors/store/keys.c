/* keys.c - the master key, and sealing; see keys.h. */
#include "actors/store/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "actors/store/database.h"

enum {
    NONCE_OCTETS = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    LABEL_OCTETS_MAX = 32 + 4 * 100 + 4 * SECRET_NAME_MAX,
};

/* ---- sealing ---- */

/* What is sealed, for which app, under which name; no part of it holds a NUL. */
struct label { unsigned char octets[LABEL_OCTETS_MAX]; size_t size; };

static bool label_make(struct label *self, const char *what, struct text app_id, struct text name,
                       struct fault *fault)
{
    int size = snprintf((char *)self->octets, sizeof self->octets, "%s%c%.*s%c%.*s", what, '\0',
                        TEXT_ARGS(app_id), '\0', TEXT_ARGS(name));

    if (size < 0 || (size_t)size >= sizeof self->octets)
        return fault_set(fault, FAULT_internal, "a name is too long to be sealed");
    self->size = (size_t)size;
    return true;
}

static void seal(const unsigned char key[KEY_OCTETS], const struct label *label,
                 const unsigned char *plain, size_t size, unsigned char *out)
{
    randombytes_buf(out, NONCE_OCTETS);
    (void) crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_OCTETS, NULL, plain, size,
                                                      label->octets, label->size, NULL, out, key);
}

static bool unseal(const unsigned char key[KEY_OCTETS], const struct label *label,
                   struct text sealed, unsigned char *out)
{
    const unsigned char *at = (const unsigned char *)sealed.at;

    return sealed.size >= SEAL_OCTETS &&
           crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, at + NONCE_OCTETS,
                                                      sealed.size - NONCE_OCTETS, label->octets,
                                                      label->size, at, key) == 0;
}

bool app_key_make(const struct keys *self, struct text app_id, struct app_key *out,
                  unsigned char sealed[KEY_SEALED_OCTETS], struct fault *fault)
{
    struct label label;

    if (!label_make(&label, "isekai app key", app_id, TEXT_OF(""), fault))
        return false;
    randombytes_buf(out->octets, sizeof out->octets);
    seal(self->master, &label, out->octets, sizeof out->octets, sealed);
    return true;
}

bool app_key_open(const struct keys *self, struct text app_id, struct text sealed,
                  struct app_key *out, struct fault *fault)
{
    struct label label;

    return label_make(&label, "isekai app key", app_id, TEXT_OF(""), fault) &&
           ((sealed.size == KEY_SEALED_OCTETS &&
             unseal(self->master, &label, sealed, out->octets)) ||
            fault_set(fault, FAULT_internal, "the key of an app does not open"));
}

bool value_seal(const struct app_key *key, struct text app_id, struct text name, struct text value,
                unsigned char *out, struct fault *fault)
{
    struct label label;

    if (!label_make(&label, "isekai secret", app_id, name, fault))
        return false;
    seal(key->octets, &label, (const unsigned char *)value.at, value.size, out);
    return true;
}

bool value_open(const struct app_key *key, struct text app_id, struct text name,
                struct text sealed, unsigned char *out, struct fault *fault)
{
    struct label label;

    return label_make(&label, "isekai secret", app_id, name, fault) &&
           (unseal(key->octets, &label, sealed, out) ||
            fault_set(fault, FAULT_internal, "a secret of an app does not open"));
}

bool data_seal(const struct app_key *key, struct text app_id, struct text data, unsigned char *out,
               struct fault *fault)
{
    struct label label;

    if (!label_make(&label, "isekai data", app_id, TEXT_OF(""), fault))
        return false;
    seal(key->octets, &label, (const unsigned char *)data.at, data.size, out);
    return true;
}

bool data_open(const struct app_key *key, struct text app_id, struct text sealed,
               unsigned char *out, struct fault *fault)
{
    struct label label;

    return label_make(&label, "isekai data", app_id, TEXT_OF(""), fault) &&
           (unseal(key->octets, &label, sealed, out) ||
            fault_set(fault, FAULT_internal, "the snapshot of an app's data does not open"));
}

void keys_blind(const struct keys *self, struct text digest, unsigned char out[DIGEST_OCTETS])
{
    unsigned char key[KEY_OCTETS];

    (void) crypto_generichash(key, sizeof key, (const unsigned char *)"isekai digest", 13,
                              self->master, sizeof self->master);
    (void) crypto_generichash(out, DIGEST_OCTETS, (const unsigned char *)digest.at, digest.size,
                              key, sizeof key);
    sodium_memzero(key, sizeof key);
}

/* ---- the file ---- */

static bool read_file(struct keys *self, int fd, const char *path, struct fault *fault)
{
    unsigned char more;
    struct stat about;

    if (fstat(fd, &about) < 0)
        return fault_set(fault, FAULT_internal, "look at '%s': %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode) || (about.st_mode & 077))
        return fault_set(fault, FAULT_malformed, "'%s' is a file open to others: chmod 600", path);
    if (read(fd, self->master, sizeof self->master) != (ssize_t)sizeof self->master ||
        read(fd, &more, 1) != 0)
        return fault_set(fault, FAULT_malformed, "'%s' does not hold %d octets", path, KEY_OCTETS);
    return true;
}

/* Whole or not there, whatever happens meanwhile: the name comes last. */
static bool make_file(struct keys *self, const char *directory, const char *path,
                      struct fault *fault)
{
    char fresh[DATABASE_PATH_SIZE + 16];

    (void) snprintf(fresh, sizeof fresh, "%s.new", path);
    OWNED(fd) int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void) unlink(fresh);
    OWNED(fd) int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    randombytes_buf(self->master, sizeof self->master);
    if (dir < 0 || fd < 0 ||
        write(fd, self->master, sizeof self->master) != (ssize_t)sizeof self->master ||
        fsync(fd) < 0 || rename(fresh, path) < 0 || fsync(dir) < 0)
        return fault_set(fault, FAULT_internal, "make '%s': %s", path, strerror(errno));
    return true;
}

/* A key that is there, to try ours on. */
static bool find_sealed(struct connection *connection, struct arena *arena, bool *found,
                        struct text *app_id, struct text *sealed, struct fault *fault)
{
    OWNED(query) struct query query = query_of(connection, STATEMENT_app_key_any);

    if (!query_next(&query, found, fault))
        return false;
    if (*found) {
        *app_id = column_text(&query, 0, arena);
        *sealed = column_octets(&query, 1, arena);
    }
    return !arena_is_exhausted(arena) || fault_set(fault, FAULT_internal, "no memory for keys");
}

static bool load(struct keys *self, const char *directory, const char *path, bool may_make,
                 struct fault *fault)
{
    OWNED(fd) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0)
        return read_file(self, fd, path, fault);
    if (errno != ENOENT || !may_make)
        return fault_set(fault, FAULT_malformed, "the master key '%s': %s; apps have secrets or "
                         "data that only it opens, or STORE_KEY_FILE names it", path, strerror(errno));
    return make_file(self, directory, path, fault);
}

static bool open_with(struct keys *self, struct connection *connection, struct arena *arena,
                      const char *directory, const char *file, struct fault *fault)
{
    char path[DATABASE_PATH_SIZE];
    struct text app_id, sealed;
    OWNED(app_key) struct app_key key;
    bool found = false;

    (void) snprintf(path, sizeof path, "%s%s", *file ? file : directory, *file ? "" : "/master.key");
    if (!find_sealed(connection, arena, &found, &app_id, &sealed, fault) ||
        !load(self, directory, path, /* may_make= */ !found && !*file, fault))
        return false;
    return !found || app_key_open(self, app_id, sealed, &key, fault) ||
           fault_set(fault, FAULT_malformed, "'%s' is another master key than the one that the "
                     "secrets of apps were kept with", path);
}

bool keys_open(struct keys *self, struct connection *connection, const char *directory,
               const char *file, struct fault *fault)
{
    struct arena *arena = arena_new(65536);

    *self = (struct keys){.is_open = true};
    (void) sodium_mlock(self->master, sizeof self->master);     /* where the limit lets us */
    bool opened = arena && sodium_init() >= 0
                      ? open_with(self, connection, arena, directory, file, fault)
                      : fault_set(fault, FAULT_internal, "no memory for keys");
    arena_free(arena);
    if (!opened)
        keys_close(self);
    return opened;
}

void keys_close(struct keys *self)
{
    if (self->is_open)
        (void) sodium_munlock(self->master, sizeof self->master);   /* wipes it too */
    self->is_open = false;
}
