/* secrets.c - the secrets of one start; see secrets.h.
 *
 * Values are found by their first eight octets: a sorted list of all that is hidden, the longest of
 * the same beginning first, so that of two values the one is named that is there.
 */
#include "actors/sandbox/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "actors/sandbox/init/protocol.h"
#include "bus/owned.h"

enum {
    ENTRY_OCTETS_MAX = SECRET_NAME_MAX + 1 + SECRET_VALUE_OCTETS_MAX + 1,
    PIPE_OCTETS = 262144,               /* more than SECRETS_MAX entries: nobody waits to write */
};

_Static_assert((int)INIT_SECRETS_MAX == SECRETS_MAX, "isekai-init takes what the contract lets in");
_Static_assert((int)INIT_SECRETS_OCTETS == SECRETS_MAX * ENTRY_OCTETS_MAX, "and as long ones");

/* Octets of a value that are hidden; they lie in the set's own entries. */
struct hidden { uint64_t beginning; const char *at; uint32_t size, secret; };

struct entry { char octets[ENTRY_OCTETS_MAX]; uint32_t name_size, size; };  /* NAME=VALUE, NUL */

struct secrets {
    atomic_uint holders;
    uint32_t count;
    size_t hidden_count;
    struct hidden *hidden;
    bool begins[256];                   /* the first octets of what is hidden */
    struct entry at[];
};

static size_t octets_of(const struct secrets *self)
{
    return sizeof *self + self->count * sizeof self->at[0];
}

/* ---- what is hidden ---- */

static uint64_t beginning_of(const char *at)
{
    uint64_t beginning;

    memcpy(&beginning, at, sizeof beginning);
    return beginning;
}

/* The value, and when it has several lines each of them: a log knows no longer ones. */
static void add_hidden(struct secrets *self, uint32_t secret)
{
    const struct entry *entry = &self->at[secret];
    const char *at = entry->octets + entry->name_size + 1, *end = entry->octets + entry->size;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((stop ? stop : end) - at);
        while (size > 0 && at[size - 1] == '\r')
            size--;
        if (size >= SECRET_HIDDEN_OCTETS_MIN) {
            self->hidden[self->hidden_count++] =
                (struct hidden){beginning_of(at), at, (uint32_t)size, secret};
            self->begins[(unsigned char)at[0]] = true;
        }
        at = stop ? stop + 1 : end;
    }
}

static int compare(const void *a_, const void *b_)
{
    const struct hidden *a = a_, *b = b_;

    if (a->beginning != b->beginning)
        return a->beginning < b->beginning ? -1 : 1;
    return a->size == b->size ? 0 : a->size > b->size ? -1 : 1;
}

static bool list_hidden(struct secrets *self, struct fault *fault)
{
    size_t most = self->count * (SECRET_VALUE_OCTETS_MAX / SECRET_HIDDEN_OCTETS_MIN);

    self->hidden = calloc(most, sizeof *self->hidden);
    if (!self->hidden)
        return fault_set(fault, FAULT_internal, "no memory for secrets");
    for (uint32_t i = 0; i < self->count; i++)
        add_hidden(self, i);
    qsort(self->hidden, self->hidden_count, sizeof *self->hidden, compare);
    return true;
}

/* ---- a set ---- */

static void fill(struct entry *entry, const struct secret *from)
{
    memcpy(entry->octets, from->name.at, from->name.size);
    entry->octets[from->name.size] = '=';
    memcpy(entry->octets + from->name.size + 1, from->value.at, from->value.size);
    entry->name_size = (uint32_t)from->name.size;
    entry->size = (uint32_t)(from->name.size + 1 + from->value.size);
}

bool secrets_new(struct reveal_reply *rows, struct secrets **out, struct fault *fault)
{
    struct secrets *self;

    *out = NULL;
    if (rows->secrets.count == 0)
        return true;
    if (rows->secrets.count > SECRETS_MAX)
        return fault_set(fault, FAULT_malformed, "more than %d secrets", SECRETS_MAX);
    self = calloc(1, sizeof *self + rows->secrets.count * sizeof self->at[0]);
    if (!self)
        return fault_set(fault, FAULT_internal, "no memory for secrets");
    atomic_init(&self->holders, 1);
    self->count = rows->secrets.count;
    for (uint32_t i = 0; i < self->count; i++) {
        fill(&self->at[i], &rows->secrets.at[i]);
        sodium_memzero((char *)(uintptr_t)rows->secrets.at[i].value.at,
                       rows->secrets.at[i].value.size);
    }
    if (!list_hidden(self, fault)) {
        secrets_drop(&self);
        return false;
    }
    *out = self;
    return true;
}

struct secrets *secrets_hold(struct secrets *self)
{
    if (self)
        atomic_fetch_add(&self->holders, 1);
    return self;
}

void secrets_drop(struct secrets **self_)
{
    struct secrets *self = *self_;

    *self_ = NULL;
    if (!self || atomic_fetch_sub(&self->holders, 1) != 1)
        return;
    if (self->hidden)
        sodium_memzero(self->hidden, self->hidden_count * sizeof *self->hidden);
    free(self->hidden);
    sodium_memzero(self, octets_of(self));
    free(self);
}

/* ---- to the app ---- */

static bool write_all(const struct secrets *self, int pipe_end)
{
    for (uint32_t i = 0; self && i < self->count; i++) {
        size_t size = self->at[i].size + 1;
        if (write(pipe_end, self->at[i].octets, size) != (ssize_t)size)
            return false;
    }
    return true;
}

bool secrets_pipe(const struct secrets *self, int *read_end, struct fault *fault)
{
    OWNED(fd) int reading = -1;
    OWNED(fd) int writing = -1;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return fault_set(fault, FAULT_internal, "a pipe for secrets: %s", strerror(errno));
    reading = ends[0];
    writing = ends[1];
    /* What does not fit is refused by the kernel, not waited for: the reader is not there yet. */
    if (self && (fcntl(writing, F_SETPIPE_SZ, PIPE_OCTETS) < 0 ||
                 fcntl(writing, F_SETFL, O_NONBLOCK) < 0 || !write_all(self, writing)))
        return fault_set(fault, FAULT_internal, "a pipe for secrets: %s", strerror(errno));
    *read_end = fd_take(&reading);
    return true;
}

size_t secrets_pieces(const struct secrets *self, struct iovec out[SECRETS_MAX])
{
    for (uint32_t i = 0; self && i < self->count; i++)
        out[i] = (struct iovec){(void *)(uintptr_t)self->at[i].octets, self->at[i].size + 1};
    return self ? self->count : 0;
}

bool secrets_are_for_boot(const struct secrets *self)
{
    static const char *const beginnings[] = {"NODE_", "UV_", "SSL_", "OPENSSL_", "ICU_", "LC_", "LANG=",
                                             "TZ=", "NO_COLOR=", "FORCE_COLOR="};

    for (uint32_t i = 0; self && i < self->count; i++)
        for (size_t j = 0; j < sizeof beginnings / sizeof *beginnings; j++)
            if (strncmp(self->at[i].octets, beginnings[j], strlen(beginnings[j])) == 0)
                return true;
    return false;
}

/* ---- out of the log ---- */

/* The first of those with this beginning; hidden_count when there is none. */
static size_t first_with(const struct secrets *self, uint64_t beginning)
{
    size_t low = 0, high = self->hidden_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->hidden[middle].beginning < beginning)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The longest that stands at `at`, with `left` octets to look at. */
static const struct hidden *find_at(const struct secrets *self, const char *at, size_t left,
                                    uint64_t *steps)
{
    if (left < SECRET_HIDDEN_OCTETS_MIN || !self->begins[(unsigned char)*at])
        return NULL;
    uint64_t beginning = beginning_of(at);
    for (size_t i = first_with(self, beginning);
         i < self->hidden_count && self->hidden[i].beginning == beginning; i++) {
        const struct hidden *hidden = &self->hidden[i];
        *steps += hidden->size;
        if (hidden->size <= left && memcmp(hidden->at, at, hidden->size) == 0)
            return hidden;
    }
    return NULL;
}

struct written { char *at; size_t size, capacity; };

static void put(struct written *out, const char *at, size_t size)
{
    if (size > out->capacity - out->size)
        size = out->capacity - out->size;
    memcpy(out->at + out->size, at, size);
    out->size += size;
}

static void put_mark(struct written *out, const struct secrets *set, const struct hidden *hidden)
{
    put(out, "[secret ", 8);
    put(out, set->at[hidden->secret].octets, set->at[hidden->secret].name_size);
    put(out, "]", 1);
}

/* The octets that a value takes here, after its mark was written; 0: none begins here. */
static size_t hide_at(struct secrets *const *sets, size_t count, const char *at, size_t left,
                      struct written *out, uint64_t *steps)
{
    const struct secrets *of = NULL;
    const struct hidden *longest = NULL;

    for (size_t i = 0; i < count; i++) {
        const struct hidden *found = sets[i] ? find_at(sets[i], at, left, steps) : NULL;
        if (found && (!longest || found->size > longest->size)) {
            longest = found;
            of = sets[i];
        }
    }
    if (!longest)
        return 0;
    put_mark(out, of, longest);
    return longest->size;
}

static const char withheld[] = "[a line withheld: looking for secrets in it takes too long]";

size_t secrets_hide(struct secrets *const *sets, size_t count, const char *line, size_t size,
                    size_t whole, char *out_, size_t capacity, uint64_t *steps)
{
    struct written out = {out_, 0, capacity};

    *steps = 0;
    for (size_t at = 0; at < size;) {
        size_t hidden = hide_at(sets, count, line + at, whole - at, &out, steps);
        if (!hidden)
            put(&out, line + at, 1);
        at += hidden ? hidden : 1;
        if (*steps > SECRET_STEPS_MAX) {
            out.size = 0;
            put(&out, withheld, sizeof withheld - 1);
            break;
        }
    }
    return out.size;
}
