/* message_rules.h - what a single value must be like; the decoder refuses what breaks a rule,
 * the encoder reports it as our own defect. Used inside schemas/ only.
 *
 * Borrows:  everything, during the call.
 * Fails as: false, or the sentence that says what is wrong (static; NULL: nothing is).
 */
#ifndef ISEKAI_SCHEMAS_MESSAGE_RULES_H
#define ISEKAI_SCHEMAS_MESSAGE_RULES_H

#include "schemas/message.h"

#define TIME_MS_MAX INT64_C(253402300799999)    /* the end of the year 9999 */

/* A text in a row's form and bounds; a TRIMMED one is trimmed in place. */
bool text_fits(const struct field *field, struct text *text);

/* A text of at most `characters_max`, valid UTF-8. */
bool text_is_within(struct text text, uint64_t characters_max);

/* What is wrong with files->at[index], seen by itself and beside the ones before it. A path or
 * content that was no text at all is absent (at is NULL). */
const char *file_complaint(const struct field *field, const struct files *files, uint32_t index);

/* What is wrong with the shape, depth or size of a FREE value. A wrong shape gives
 * FREE_WRONG_SHAPE. */
extern const char FREE_WRONG_SHAPE[];
const char *free_outline_complaint(int shape, struct text value);

/* The same, and with its texts and keys. The arena is worked in. */
const char *free_complaint(int shape, struct text value, struct arena *arena);

#endif
