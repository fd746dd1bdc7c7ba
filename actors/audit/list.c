/* list.c - a page of the log: read in order, keep what the filter keeps, stop at a bound. */
#include "actors/audit/audit.h"
#include "bus/clock.h"

enum { SCRATCH_OCTETS = 4 * ENTRY_OCTETS_MAX, ENTRIES_PER_SCRATCH = 64, SPARE_MS = 1000 };

struct page {
    const struct audit_list_request *request;
    struct arena *arena;
    struct audit_entry *entries;
    uint32_t count;
    size_t octets;
};

static bool is_wanted(const struct audit_list_request *request, const struct audit_event *event)
{
    if (request->app_id.at && !text_equals(request->app_id, event->app_id))
        return false;
    return !request->kind.at || text_equals(request->kind, event->kind);
}

/* Decode out of `arena`, whose life is the event's. */
static bool read_event(struct text entry, struct arena *arena, struct audit_event *event,
                       struct fault *fault)
{
    return message_decode(&audit_event_message, entry, LENIENT, arena, event, NULL, fault);
}

static bool keep(struct page *page, uint64_t index, struct text entry, struct fault *fault)
{
    struct hash leaf = merkle_leaf(entry.at, entry.size);
    struct audit_event *event = arena_take(page->arena, sizeof *event);
    struct text octets = arena_text(page->arena, entry);
    struct text leaf_octets = arena_text(page->arena,
                                         (struct text){(const char *)leaf.at, HASH_SIZE});

    if (arena_is_exhausted(page->arena))
        return fault_set(fault, FAULT_internal, "out of memory");
    if (!read_event(octets, page->arena, event, fault))
        return false;
    page->entries[page->count++] =
        (struct audit_entry){.index = index, .event = event, .leaf = leaf_octets};
    page->octets += entry.size;
    return true;
}

static bool judge(struct page *page, uint64_t index, struct text entry, struct arena *scratch,
                  struct fault *fault)
{
    struct audit_event event;

    if (!read_event(entry, scratch, &event, fault))
        return fault_while(fault, "audit log, entry %llu", (unsigned long long)index);
    return !is_wanted(page->request, &event) || keep(page, index, entry, fault);
}

/* A few entries, with memory of their own; *more is false at the end of the page or the log. */
static bool read_some(struct audit_log *log, struct log_cursor *cursor, struct page *page,
                      bool *more, struct fault *fault)
{
    struct arena *scratch = arena_new(SCRATCH_OCTETS);
    bool read = scratch || fault_set(fault, FAULT_internal, "out of memory");
    size_t octets = 0;
    struct text entry;

    for (int i = 0; read && *more && i < ENTRIES_PER_SCRATCH && octets < ENTRY_OCTETS_MAX; i++) {
        bool end = false;
        uint64_t index = cursor->index;
        read = audit_log_read(log, cursor, &entry, &end, fault);
        *more = read && !end;
        if (!*more)
            break;
        octets += entry.size;
        read = judge(page, index, entry, scratch, fault);
        *more = page->count < page->request->limit && page->octets < LIST_OCTETS_MAX;
    }
    arena_free(scratch);
    return read;
}

bool audit_list_entries(struct audit_log *log, const struct audit_list_request *request,
                        int64_t deadline_ms, struct arena *arena, struct audit_list_reply *reply,
                        struct fault *fault)
{
    struct log_cursor cursor = {.index = request->after};
    struct page page = {.request = request, .arena = arena};
    bool more = true, read = true;

    page.entries = arena_take(arena, request->limit * sizeof *page.entries);
    if (!page.entries)
        return fault_set(fault, FAULT_internal, "out of memory");
    do
        read = read_some(log, &cursor, &page, &more, fault);
    while (read && more && cursor.index - request->after < LIST_ENTRIES_MAX &&
           clock_left_ms(deadline_ms) > SPARE_MS);
    log_cursor_drop(&cursor);
    if (!read)
        return false;
    reply->entries.at = page.entries;
    reply->entries.count = page.count;
    reply->next = cursor.index;
    reply->size = audit_log_point(log).size;
    return true;
}
