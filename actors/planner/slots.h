/* slots.h - the lines in an app's files before which something may be put. */
#ifndef ISEKAI_ACTORS_PLANNER_SLOTS_H
#define ISEKAI_ACTORS_PLANNER_SLOTS_H

#include "schemas/text.h"

/* The octet where the line of that slot begins; false when the content has none. */
bool slot_find(struct text content, struct text slot, size_t *begin);

/* 1..32 of [a-z0-9-], a letter first. */
bool slot_is_name(struct text name);

#endif
