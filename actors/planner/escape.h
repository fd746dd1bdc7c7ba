/* escape.h - a text put into HTML or JavaScript stays a text.
 *
 * Gives: a text in the arena; absent when the arena is exhausted.
 */
#ifndef ISEKAI_ACTORS_PLANNER_ESCAPE_H
#define ISEKAI_ACTORS_PLANNER_ESCAPE_H

#include "schemas/arena.h"

/* For an element's content and for an attribute in quotes. */
struct text escape_html(struct text text, struct arena *arena);

/* For the inside of a string or template literal of JavaScript, and of a JSON string, also when
 * that stands in an HTML script element. */
struct text escape_js(struct text text, struct arena *arena);

#endif
