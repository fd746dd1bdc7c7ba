/* message_tables.c - the contract's rows as constants, and looking things up in them. */
#include "schemas/message.h"

/* A row says OPTIONAL or REQUIRED itself; the local typedef lets it name its own struct. */
#define CHOICES(name_, doc_)                                                                  \
    static const char *const name_##_names[];                                                 \
    const struct choices name_##_choices = {#name_, doc_, name_##_names, name_##_count};      \
    static const char *const name_##_names[] = {NULL,
#define CHOICE(name_, choice_) #choice_,
#define END_CHOICES(name_) };
#include "schemas/contract.def"

#define ROW(f, kind_, need_, ...)                                                             \
    {.name = #f, .kind = FIELD_##kind_, .need = need_, .offset = offsetof(self, f), __VA_ARGS__},
#define MESSAGE(name_, doc_)                                                                  \
    static const struct field *name_##_fields(size_t *count);                                 \
    const struct message name_##_message = {#name_, doc_, name_##_fields,                     \
                                            sizeof(struct name_)};                            \
    static const struct field *name_##_fields(size_t *count)                                  \
    {                                                                                         \
        typedef struct name_ self;                                                            \
        static const struct field rows[] = {
#define TEXT(f, need_, form_, min_, max_, doc_, say_)                                         \
    ROW(f, TEXT, need_, .form = form_, .min = min_, .max = max_, .doc = doc_, .say = say_)
#define BYTES(f, need_, min_, max_, doc_, say_)                                               \
    ROW(f, BYTES, need_, .min = min_, .max = max_, .doc = doc_, .say = say_)
#define COUNT(f, need_, min_, max_, fallback_, doc_, say_)                                    \
    ROW(f, COUNT, need_, .min = min_, .max = max_, .fallback = fallback_, .doc = doc_,        \
        .say = say_)
#define REAL(f, need_, min_, max_, doc_, say_)                                                \
    ROW(f, REAL, need_, .real_min = min_, .real_max = max_, .doc = doc_, .say = say_)
#define FLAG(f, need_, doc_, say_) ROW(f, FLAG, need_, .doc = doc_, .say = say_)
#define TIME(f, need_, doc_, say_) ROW(f, TIME, need_, .doc = doc_, .say = say_)
#define ENUM(f, need_, choices_, doc_, say_)                                                  \
    ROW(f, ENUM, need_, .choices = &choices_##_choices, .doc = doc_, .say = say_)
#define ONE(f, need_, item_, doc_, say_)                                                      \
    ROW(f, ONE, need_, .item = &item_##_message, .doc = doc_, .say = say_)
#define MANY(f, need_, item_, min_, max_, doc_, say_)                                         \
    ROW(f, MANY, need_, .item = &item_##_message, .min = min_, .max = max_, .doc = doc_,      \
        .say = say_)
#define TEXTS(f, need_, min_, max_, item_max_, doc_, say_)                                    \
    ROW(f, TEXTS, need_, .min = min_, .max = max_, .fallback = item_max_, .doc = doc_,        \
        .say = say_)
#define FILES(f, need_, removal_, min_, doc_, say_)                                           \
    ROW(f, FILES, need_, .form = removal_, .min = min_, .max = FILES_MAX, .doc = doc_,        \
        .say = say_)
#define COUNTS(f, need_, max_, doc_, say_)                                                    \
    ROW(f, COUNTS, need_, .max = max_, .doc = doc_, .say = say_)
#define FREE(f, need_, shape_, doc_, say_)                                                    \
    ROW(f, FREE, need_, .form = shape_, .doc = doc_, .say = say_)
#define EITHER(f, need_, min_, max_, doc_, say_)                                              \
    ROW(f, EITHER, need_, .form = OBJECT, .min = min_, .max = max_, .doc = doc_, .say = say_)
#define END(name_)                                                                            \
            {.name = NULL, .offset = sizeof(self)},                                           \
        };                                                                                    \
        *count = sizeof rows / sizeof *rows - 1;    /* without the foot */                    \
        _Static_assert(sizeof rows / sizeof *rows <= FIELDS_MAX + 1, "too many fields");      \
        return rows;                                                                          \
    }
#include "schemas/contract.def"

const struct message *const messages[] = {
#define MESSAGE(name, doc) &name##_message,
#include "schemas/contract.def"
};
const size_t message_count = sizeof messages / sizeof *messages;

void field_wire_name(const char *name, char out[FIELD_NAME_SIZE])
{
    size_t size = 0;

    for (; *name && size + 1 < FIELD_NAME_SIZE; name++) {
        bool raised = *name == '_' && name[1] >= 'a' && name[1] <= 'z';
        if (raised)
            name++;
        out[size++] = raised ? (char)(*name - 'a' + 'A') : *name;
    }
    out[size] = '\0';
}

/* Compare without writing the wire name down: this runs once per key and row. */
static bool wire_name_is(const char *name, struct text key)
{
    size_t done = 0;

    for (; *name; name++, done++) {
        char wanted = *name;
        if (wanted == '_' && name[1] >= 'a' && name[1] <= 'z')
            wanted = (char)(*++name - 'a' + 'A');
        if (done == key.size || key.at[done] != wanted)
            return false;
    }
    return done == key.size;
}

const struct field *message_field(const struct message *message, struct text wire_name)
{
    size_t count;
    const struct field *fields = message->fields(&count);

    for (size_t i = 0; i < count; i++)
        if (wire_name_is(fields[i].name, wire_name))
            return &fields[i];
    return NULL;
}

const char *choice_name(const struct choices *choices, int choice)
{
    return choice > 0 && choice < choices->count ? choices->names[choice] : NULL;
}
