/* wishes.c - reads a sentence from left to right: a title where one is given, else its features.
 *
 * A title without quotes goes on to the end of its line, unless what follows an "and" or a mark is
 * itself a wish that begins with a verb: "Change the title to Salt and Pepper and add search".
 */
#include "actors/planner/wishes.h"

#include <string.h>

#include "actors/planner/title.h"

enum title_kind { FOLLOWS, FOLLOWS_MARKED, FOLLOWS_NAME, FOLLOWS_TO };

static const struct { enum title_kind kind; const char *pattern; } rules[] = {
#define TITLE(pattern) {FOLLOWS, pattern},
#define TITLE_MARKED(pattern) {FOLLOWS_MARKED, pattern},
#define TITLE_NAME(pattern) {FOLLOWS_NAME, pattern},
#define TITLE_FROM(pattern) {FOLLOWS_TO, pattern},
#include "actors/planner/titles.def"
};

static const char questions[] = "can|could|would|will|may|shall";

struct reading {
    struct words words;
    struct arena *arena;
    struct wishes wishes;
    bool is_negative;
};

/* Where a title is said to begin, and which word is the first behind the pattern. */
struct title_place { size_t at, word; };

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static size_t pass_spaces(struct text text, size_t at)
{
    while (at < text.size && is_space(text.at[at]))
        at++;
    return at;
}

static size_t end_of_word(const struct words *words, size_t index)
{
    return words->at[index].at + words->at[index].size;
}

/* Behind `:` or `=` and spaces; *marked when there was one, or quotes follow. */
static size_t pass_mark(struct text text, size_t at, bool *marked)
{
    size_t behind;

    at = pass_spaces(text, at);
    *marked = at < text.size && (text.at[at] == ':' || text.at[at] == '=');
    if (*marked)
        at = pass_spaces(text, at + 1);
    *marked = *marked || title_quoted(text, at, &behind).at;
    return at;
}

/* Behind the next "to", which may not stand in the quotes that the old title has. */
static size_t pass_old_title(const struct words *words, size_t index)
{
    size_t behind = words->at[index - 1].at + words->at[index - 1].size;

    if (title_quoted(words->text, pass_spaces(words->text, behind), &behind).at)
        while (index < words->count && words->at[index].at < behind)
            index++;
    while (index < words->count && !word_is(words, index, "to|into"))
        index++;
    return index < words->count ? index + 1 : SIZE_MAX;
}

static bool begins_like_a_name(struct text text, size_t at)
{
    unsigned char c = (unsigned char)text.at[at];

    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}

static bool rule_applies(const struct words *words, size_t index, size_t end, size_t rule,
                         struct title_place *place)
{
    size_t size = words_match(words, index, end, rules[rule].pattern);
    size_t next = index + size;
    bool marked;

    if (size == 0)
        return false;
    if (rules[rule].kind == FOLLOWS_TO)
        next = pass_old_title(words, next);
    if (next == SIZE_MAX)
        return false;
    place->word = next;
    place->at = pass_mark(words->text, end_of_word(words, next - 1), &marked);
    if (place->at >= words->text.size)
        return false;
    if (rules[rule].kind == FOLLOWS_NAME)
        return marked || begins_like_a_name(words->text, place->at);
    return marked || rules[rule].kind != FOLLOWS_MARKED;
}

static bool title_begins(const struct words *words, size_t index, size_t end,
                         struct title_place *place)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rule_applies(words, index, end, i, place))
            return true;
    return false;
}

/* In "The Search and Sort Everything" the capital letter says that the title goes on. */
static bool is_capital_behind_and(const struct words *words, size_t index,
                                  const struct clause *clause)
{
    struct text first = word_text(words, clause->begin);

    return index != clause->begin && first.at[0] >= 'A' && first.at[0] <= 'Z';
}

/* Whether what begins at that word is a wish of its own, or thanks: the end of a title. */
static bool wish_begins(const struct words *words, size_t index)
{
    struct feature_list ignored = {.count = 0};
    struct title_place place;
    struct clause clause;
    bool is_negative = false;

    if (!clause_next(words, index, words->count, &clause) ||
        is_capital_behind_and(words, index, &clause))
        return false;
    if (clause_is_courtesy(words, &clause))
        return clause.end == words->count &&
               words_find(words, clause.begin, clause.end, "thanks|thank|please") != SIZE_MAX;
    if (title_begins(words, clause_heart(words, &clause), words->count, &place))
        return true;
    return clause_demands(words, &clause) &&
           clause_features(words, &clause, ASKED_PLAINLY, &is_negative, &ignored);
}

static size_t line_end(struct text text, size_t at)
{
    while (at < text.size && text.at[at] != '\n' && text.at[at] != '\r')
        at++;
    return at;
}

/* The octet where a title without quotes ends; *next is the first word behind it. */
static size_t find_title_end(const struct words *words, const struct title_place *place,
                             size_t *next)
{
    size_t end = line_end(words->text, place->at);
    size_t i = place->word;

    for (; i < words->count && words->at[i].at < end; i++) {
        if (words->at[i].at <= place->at || !clause_breaks(words, i) || !wish_begins(words, i))
            continue;
        end = end_of_word(words, i - 1);
        /* Marks that belong to the title, as in "Yahoo! and": all but those that split. */
        while (end < words->at[i].at && strchr("!?)'\"", words->text.at[end]))
            end++;
        break;
    }
    *next = i;
    return end;
}

static bool ends_with(struct text text, const char *end)
{
    size_t size = strlen(end);

    return text.size > size && memcmp(text.at + text.size - size, end, size) == 0;
}

/* Marks that end the sentence, not the title. "U.S.A." and "Wait..." keep their points. */
static struct text strip_marks(struct text title, bool is_question)
{
    title = text_trimmed(title);
    if (ends_with(title, " please"))
        title = text_trimmed((struct text){title.at, title.size - 7});
    while (title.size > 1) {
        char last = title.at[title.size - 1], before = title.at[title.size - 2];
        bool is_initial = title.size > 2 && title.at[title.size - 3] == '.' &&
                          !(before >= '0' && before <= '9');
        if (last == ',' || last == ';' || last == ':' || (last == '?' && is_question) ||
            (last == '.' && before != '.' && !is_initial))
            title = text_trimmed((struct text){title.at, title.size - 1});
        else
            break;
    }
    return title;
}

/* Quotes that were opened and never closed are no part of a title. */
static size_t pass_open_quote(struct text text, size_t at)
{
    static const char *const opens[] = {"\"", "'", "`", "\u201c", "\u2018", "\u00ab"};

    for (size_t i = 0; i < sizeof opens / sizeof *opens; i++)
        if (text.size - at > strlen(opens[i]) && memcmp(text.at + at, opens[i],
                                                        strlen(opens[i])) == 0)
            return at + strlen(opens[i]);
    return at;
}

/* Take the title at that place; gives the first word behind it. */
static size_t take_title(struct reading *self, const struct title_place *place)
{
    struct text text = self->words.text;
    size_t behind, next = place->word;
    struct text title = title_quoted(text, place->at, &behind);

    if (title.at) {
        while (next < self->words.count && self->words.at[next].at < behind)
            next++;
    } else {
        size_t begin = pass_open_quote(text, place->at);
        size_t end = find_title_end(&self->words, place, &next);
        bool is_question = word_is(&self->words, 0, questions);
        if (end > begin)
            title = strip_marks((struct text){text.at + begin, end - begin}, is_question);
    }
    title = title.at ? title_clean(title, self->arena) : title;
    if (title.at)
        self->wishes.title = title;
    return next;
}

/* A title given in [clause->begin, clause->end) that nobody forbade. */
static bool find_title(const struct reading *self, const struct clause *clause,
                       struct title_place *place)
{
    for (size_t i = clause->begin; i < clause->end; i++) {
        if (word_is(&self->words, i, "not|don't|dont|never|don|without"))
            return false;
        if (title_begins(&self->words, i, self->words.count, place))
            return true;
    }
    return false;
}

static void leave_out(struct reading *self, const struct clause *clause)
{
    const char *begin = word_text(&self->words, clause->begin).at;
    struct text last = word_text(&self->words, clause->end - 1);

    if (!self->wishes.left_out.at && !clause_is_courtesy(&self->words, clause))
        self->wishes.left_out = title_clean(
            (struct text){begin, (size_t)(last.at + last.size - begin)}, self->arena);
}

struct wishes wishes_read(struct text prompt, struct arena *arena)
{
    struct reading self = {.words = words_split(prompt, arena), .arena = arena};
    struct title_place place;
    struct clause clause;

    for (size_t next = 0; clause_next(&self.words, next, self.words.count, &clause);) {
        if (find_title(&self, &clause, &place)) {
            const char *before = self.wishes.title.at;
            next = take_title(&self, &place);
            if (self.wishes.title.at == before)
                leave_out(&self, &clause);      /* an empty one */
            self.is_negative = false;
            continue;
        }
        if (!clause_features(&self.words, &clause, ASKED_PLAINLY, &self.is_negative,
                             &self.wishes.features))
            leave_out(&self, &clause);
        next = clause.end;
    }
    return self.wishes;
}
