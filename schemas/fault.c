/* fault.c - the fault table, and the few verbs on a fault. */
#include "schemas/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int http;
    bool retry;
    bool tell;
    const char *text;
} kinds[FAULT_KINDS] = {
    [FAULT_NONE] = {"none", 200, false, false, ""},
#define FAULT(name, http, retry, tell, text) [FAULT_##name] = {#name, http, retry, tell, text},
#include "schemas/faults.def"
#undef FAULT
};

/* A cut may have split a UTF-8 sequence: drop its first half. */
static void end_on_a_character(char *text, size_t capacity)
{
    size_t length = strlen(text);

    if (length + 1 < capacity)
        return;
    while (length > 0 && ((unsigned char)text[length - 1] & 0xc0) == 0x80)
        length--;
    if (length > 0 && (unsigned char)text[length - 1] >= 0xc0)
        length--;
    text[length] = '\0';
}

bool fault_set(struct fault *fault, enum fault_kind kind, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fault->kind = kind;
    fault->retry_ms = 0;
    (void) vsnprintf(fault->reason, sizeof fault->reason, format, args);
    va_end(args);
    end_on_a_character(fault->reason, sizeof fault->reason);
    return false;
}

bool fault_while(struct fault *fault, const char *format, ...)
{
    struct fault cause = *fault;
    char doing[100];
    va_list args;

    va_start(args, format);
    (void) vsnprintf(doing, sizeof doing, format, args);
    va_end(args);
    (void) fault_set(fault, cause.kind, "%s: %s", doing, cause.reason);
    return fault_retry_after(fault, cause.retry_ms);
}

bool fault_retry_after(struct fault *fault, uint32_t retry_ms)
{
    fault->retry_ms = retry_ms;
    return false;
}

const char *fault_name(enum fault_kind kind) { return kinds[kind].name; }
const char *fault_text(enum fault_kind kind) { return kinds[kind].text; }
int fault_http_status(enum fault_kind kind) { return kinds[kind].http; }
bool fault_may_retry(enum fault_kind kind) { return kinds[kind].retry; }
bool fault_may_tell(enum fault_kind kind) { return kinds[kind].tell; }

const char *fault_told(const struct fault *fault)
{
    return fault_may_tell(fault->kind) && fault->reason[0] ? fault->reason
                                                           : fault_text(fault->kind);
}

enum fault_kind fault_from_name(const char *name, size_t size)
{
    for (int kind = 1; kind < FAULT_KINDS; kind++)
        if (strlen(kinds[kind].name) == size && memcmp(kinds[kind].name, name, size) == 0)
            return (enum fault_kind)kind;
    return FAULT_internal;
}
