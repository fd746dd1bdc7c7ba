/* install_lock.c - the key of an install, and npm's lock; see install_lock.h. */
#include "actors/sandbox/install_lock.h"

#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { TOLD_OCTETS = 60 };

void install_key(struct text dependencies, const char *registry, const char *kind,
                 char out[INSTALL_KEY_SIZE])
{
    static const char layout[] = "1";       /* another one when trees are kept in another way */
    const struct text parts[] = {{layout, 1}, text_from(registry), text_from(kind), dependencies};
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;

    (void) crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        (void) crypto_hash_sha256_update(&state, (const unsigned char *)parts[i].at, parts[i].size);
        (void) crypto_hash_sha256_update(&state, (const unsigned char *)"", 1);
    }
    (void) crypto_hash_sha256_final(&state, digest);
    (void) sodium_bin2hex(out, INSTALL_KEY_SIZE, digest, sizeof digest);
}

static bool is_true(const json_t *package, const char *name)
{
    return json_is_true(json_object_get(package, name));
}

static bool begins(const char *text, const char *with)
{
    return text && strncmp(text, with, strlen(with)) == 0;
}

static bool has_integrity(const json_t *package)
{
    const char *integrity = json_string_value(json_object_get(package, "integrity"));

    return begins(integrity, "sha512-") || begins(integrity, "sha384-") ||
           begins(integrity, "sha256-");
}

static bool check_package(const char *place, const json_t *package, const char *origin,
                          struct fault *fault)
{
    static const char above[] = "node_modules/";
    const char *resolved = json_string_value(json_object_get(package, "resolved"));

    if (!begins(place, above) || is_true(package, "link"))
        return fault_set(fault, FAULT_start_failed, "dependencies: '%.*s' is a link and no package; "
                         "depend on one of the registry", TOLD_OCTETS, place);
    if (is_true(package, "inBundle"))
        return true;
    if (!begins(resolved, origin))
        return fault_set(fault, FAULT_start_failed, "dependencies: '%.*s' comes from '%.*s' and not from "
                         "the registry; depend on one that does", TOLD_OCTETS,
                         place + sizeof above - 1, TOLD_OCTETS, resolved ? resolved : "nowhere");
    return has_integrity(package) ||
           fault_set(fault, FAULT_start_failed, "dependencies: the registry gives '%.*s' without an "
                     "integrity of SHA-256 or better; depend on another version", TOLD_OCTETS,
                     place + sizeof above - 1);
}

static bool check_all(json_t *packages, const char *origin, uint64_t packages_max, uint32_t *count,
                      struct fault *fault)
{
    const char *place;
    json_t *package;

    *count = 0;
    json_object_foreach(packages, place, package) {
        if (!*place)
            continue;                       /* the app itself */
        if (!check_package(place, package, origin, fault))
            return false;
        ++*count;
    }
    return *count <= packages_max ||
           fault_set(fault, FAULT_start_failed, "dependencies: with what they need they are %" PRIu32
                     " packages, at most %" PRIu64 " (INSTALL_PACKAGES_MAX); depend on less",
                     *count, packages_max);
}

bool install_lock_check(struct text lock, const char *origin, uint64_t packages_max,
                        uint32_t *packages, struct fault *fault)
{
    json_t *root = lock.size <= LOCK_OCTETS_MAX ? json_loadb(lock.at, lock.size, 0, NULL) : NULL;
    json_t *list = json_object_get(root, "packages");
    bool checked = json_is_object(list)
                       ? check_all(list, origin, packages_max, packages, fault)
                       : fault_set(fault, FAULT_start_failed, "dependencies: npm wrote no lock that can be "
                                   "read; it must be npm 7 or later");

    json_decref(root);
    return checked;
}

void install_lock_sum(struct text lock, struct install_sum *out)
{
    json_t *root = lock.size <= LOCK_OCTETS_MAX ? json_loadb(lock.at, lock.size, 0, NULL) : NULL;
    const json_t *packages = json_object_get(root, "packages");
    unsigned char digest[crypto_hash_sha256_BYTES];

    (void) crypto_hash_sha256(digest, (const unsigned char *)lock.at, lock.size);
    (void) sodium_bin2hex(out->digest, sizeof out->digest, digest, sizeof digest);
    out->packages = (uint32_t)json_object_size(packages);
    if (json_object_get(packages, ""))
        out->packages--;                    /* the app itself */
    json_decref(root);
}
