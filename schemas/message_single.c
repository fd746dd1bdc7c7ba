/* message_single.c - decoding values that hold no others of the contract. */
#include <math.h>

#include "schemas/message_decode.h"
#include "schemas/message_rules.h"

void decode_text(struct decoding *self, const struct field *field,
                 const struct place *place, struct text value, void *at)
{
    struct token token = only_head_of(value);

    if (token.kind != TOKEN_TEXT || !text_fits(field, &token.octets))
        violate_row(&self->violations, place, field);
    else
        *(struct text *)at = token.octets;
}

void decode_bytes(struct decoding *self, const struct field *field,
                  const struct place *place, struct text value, void *at)
{
    struct token token = only_head_of(value);

    if (token.kind != TOKEN_BYTES || token.octets.size < field->min ||
        token.octets.size > field->max)
        violate_row(&self->violations, place, field);
    else
        *(struct text *)at = token.octets;
}

void decode_count(struct decoding *self, const struct field *field,
                  const struct place *place, struct text value, void *at)
{
    struct token token = only_head_of(value);

    if (token.kind != TOKEN_COUNT || token.count < field->min || token.count > field->max)
        violate_row(&self->violations, place, field);
    else
        *(uint64_t *)at = token.count;
}

void decode_real(struct decoding *self, const struct field *field,
                 const struct place *place, struct text value, void *at)
{
    struct token token = only_head_of(value);
    double real = token.kind == TOKEN_REAL     ? token.real
                : token.kind == TOKEN_COUNT    ? (double)token.count
                : token.kind == TOKEN_NEGATIVE ? (double)token.negative : (double)NAN;

    if (real >= field->real_min && real <= field->real_max)     /* never true of NaN */
        *(double *)at = real;
    else
        violate_row(&self->violations, place, field);
}

void decode_flag(struct decoding *self, const struct field *field,
                 const struct place *place, struct text value, void *at)
{
    struct token token = only_head_of(value);

    if (token.kind != TOKEN_FLAG)
        violate_row(&self->violations, place, field);
    else
        *(bool *)at = token.flag;
}

void decode_time(struct decoding *self, const struct field *field,
                 const struct place *place, struct text value, void *at)
{
    struct token token = only_head_of(value);

    if (token.kind != TOKEN_COUNT || token.count < 1 || token.count > TIME_MS_MAX)
        violate_row(&self->violations, place, field);
    else
        *(int64_t *)at = (int64_t)token.count;
}

void decode_enum(struct decoding *self, const struct field *field,
                 const struct place *place, struct text value, void *at)
{
    struct token token = only_head_of(value);

    for (int i = 1; token.kind == TOKEN_TEXT && i < field->choices->count; i++)
        if (text_is(token.octets, field->choices->names[i])) {
            *(int *)at = i;
            return;
        }
    violate_row(&self->violations, place, field);
}

void decode_free(struct decoding *self, const struct field *field,
                 const struct place *place, struct text value, void *at)
{
    const char *complaint = free_complaint(field->form, value, self->arena);

    if (complaint == FREE_WRONG_SHAPE)
        violate_row(&self->violations, place, field);
    else if (complaint)
        violate_what(&self->violations, place, field, complaint);
    else
        *(struct text *)at = value;
}

void decode_either(struct decoding *self, const struct field *field,
                   const struct place *place, struct text value, void *at)
{
    struct token token = only_head_of(value);

    if (token.kind != TOKEN_TEXT)
        decode_free(self, field, place, value, at);
    else if (token.octets.size < field->min || !text_is_within(token.octets, field->max))
        violate_row(&self->violations, place, field);
    else
        *(struct text *)at = value;
}
