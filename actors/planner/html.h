/* html.h - finds places in an HTML page that people may have edited by hand.
 *
 * Source:   the tokenizer of the HTML standard (13.2.5), as far as tags, attributes, comments and
 *           elements of raw text go. No tree is built; the page need not be well formed.
 * Borrows:  the page.
 * Gives:    spans of octets, begin inclusive, end exclusive.
 * Linear in the size of the page; does not recurse.
 */
#ifndef ISEKAI_ACTORS_PLANNER_HTML_H
#define ISEKAI_ACTORS_PLANNER_HTML_H

#include "schemas/text.h"

struct span { size_t begin, end; };

/* The inside of the first title element. */
bool html_find_title(struct text page, struct span *inside);

/* The inside of the first element with that id. */
bool html_find_id(struct text page, const char *id, struct span *inside);

#endif
