/* keys.h - what encrypts the secrets and the data of apps: one master key, and a key of each app wrapped by it.
 *
 * XChaCha20-Poly1305 (libsodium, ietf) with a random nonce in front of what it seals. The associated
 * data name what is sealed: a key its app, a value its app and its name; so a row that is put in
 * another's place does not open. Deleting an app's row of app_keys erases its values, in copies of
 * the database too, as far as the copies are without that row.
 *
 * Owns:     struct keys holds the master key, locked into memory where the kernel lets us;
 *           keys_close() wipes it.
 * Units:    octets.
 * Fails as: internal, with what to do: no such file, a mode that is open to others, another key.
 * Threads:  constant between keys_open() and keys_close().
 */
#ifndef ISEKAI_ACTORS_STORE_KEYS_H
#define ISEKAI_ACTORS_STORE_KEYS_H

#include <sodium.h>

#include "actors/store/statements.h"

enum {
    KEY_OCTETS = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    SEAL_OCTETS = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES +
                  crypto_aead_xchacha20poly1305_ietf_ABYTES,    /* added to what is sealed */
    KEY_SEALED_OCTETS = KEY_OCTETS + SEAL_OCTETS,
    DIGEST_OCTETS = 32,
};

struct keys { unsigned char master[KEY_OCTETS]; bool is_open; };

struct app_key { unsigned char octets[KEY_OCTETS]; };       /* OWNED(app_key): wipes itself */

static inline void app_key_drop(struct app_key *key)
{
    sodium_memzero(key, sizeof *key);
}

/* `file`, or when that is "" `directory`/master.key (0600), which is made when there is none and no
 * app has a key yet. An app's key that is there must open. */
bool keys_open(struct keys *self, struct connection *connection, const char *directory,
               const char *file, struct fault *fault);
void keys_close(struct keys *self);         /* may repeat */

/* A new key for an app, and what is kept of it. */
bool app_key_make(const struct keys *self, struct text app_id, struct app_key *out,
                  unsigned char sealed[KEY_SEALED_OCTETS], struct fault *fault);
bool app_key_open(const struct keys *self, struct text app_id, struct text sealed,
                  struct app_key *out, struct fault *fault);

/* `out` has room for SEAL_OCTETS more than the value; and for as many fewer than what is opened. */
bool value_seal(const struct app_key *key, struct text app_id, struct text name, struct text value,
                unsigned char *out, struct fault *fault);
bool value_open(const struct app_key *key, struct text app_id, struct text name,
                struct text sealed, unsigned char *out, struct fault *fault);

/* The same for a snapshot of the app's data. */
bool data_seal(const struct app_key *key, struct text app_id, struct text data, unsigned char *out,
               struct fault *fault);
bool data_open(const struct app_key *key, struct text app_id, struct text sealed,
               unsigned char *out, struct fault *fault);

/* A digest that says nothing to who has not the master key: a short value could be guessed from a
 * plain one. */
void keys_blind(const struct keys *self, struct text digest, unsigned char out[DIGEST_OCTETS]);

#endif
