/* message_violation.h - noting which rule was broken, and where. Used inside schemas/ only.
 *
 * Borrows:  a place lives on the stack of the function that went there.
 * Gives:    violations in the list; their texts live in the arena or are static. Input never
 *           comes back in them, but for a misspelt key that is made like a field's name.
 */
#ifndef ISEKAI_SCHEMAS_MESSAGE_VIOLATION_H
#define ISEKAI_SCHEMAS_MESSAGE_VIOLATION_H

#include "schemas/message.h"

/* Where in the message: a field, an item of a field, or a key that no row has. */
struct place {
    const struct place *parent;     /* NULL: the message itself */
    const char *field;              /* NULL: an item */
    struct text unknown;            /* a key that no row has; then field is NULL */
    uint32_t index;
};

struct violations {
    struct violation_list *list;
    struct arena *arena;
};

static inline struct place place_of_field(const struct place *parent, const struct field *field)
{
    return (struct place){parent, field->name, {NULL, 0}, 0};
}

static inline struct place place_of_item(const struct place *parent, uint32_t index)
{
    return (struct place){parent, NULL, {NULL, 0}, index};
}

/* Note a violation at `place` with a static sentence. */
void violate(struct violations *self, const struct place *place, const char *sentence);

/* With the row's sentence, or one made from the row. */
void violate_row(struct violations *self, const struct place *place, const struct field *field);

/* With "<field> <what>": "context holds a key twice". */
void violate_what(struct violations *self, const struct place *place, const struct field *field,
                  const char *what);

/* The key is not in the message at `parent`. */
void violate_unknown(struct violations *self, const struct place *parent, struct text key);

/* A refusal made of the list's first entry; returns false. */
bool violations_refuse(const struct violation_list *list, struct fault *fault);

#endif
