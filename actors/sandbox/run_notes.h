/* run_notes.h - what the store is to be told of each run, kept on disk until it was told.
 *
 *   {appId}/runs/{begun}-{number}      one ended_request, as MessagePack
 *
 * A note is written when a run begins, and says then that its host was lost: so it is what the next
 * sandbox tells of a run whose end nobody saw. The true end takes its place.
 *
 * Owns:     nothing.
 * Fails as: disk_full, internal. A note that cannot be read is removed and passed over.
 * Threads:  any, one per app at a time.
 */
#ifndef ISEKAI_SANDBOX_RUN_NOTES_H
#define ISEKAI_SANDBOX_RUN_NOTES_H

#include "actors/sandbox/supervisor.h"

enum { RUN_NOTES_MAX = 100, RUN_NOTE_OCTETS_MAX = 16384 };

/* `app` is the app's directory; ended->note names the note. */
bool run_note_write(int app, const struct ended_run *ended, struct fault *fault);
void run_note_remove(int app, const char *note);

/* Each note of an app, at most RUN_NOTES_MAX, through `each`. */
void run_notes_read(int app, void (*each)(void *self, const struct ended_run *ended), void *self);

/* What the store hears. `words` and the texts of `ended` are borrowed by *out. */
struct ended_words { struct run_end end; struct hits_words hits; };
void ended_say(const struct ended_run *ended, struct text node, struct ended_words *words,
               struct ended_request *out);

#endif
