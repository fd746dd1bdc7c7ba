/* html.c - a tokenizer for tags, and what lies between two of them. */
#include "actors/planner/html.h"

#include <string.h>
#include <strings.h>

struct scanner { struct text page; size_t at; };

struct tag {
    bool is_end, closes_itself;
    struct text name, id;       /* id is absent when there is none */
    size_t begin, end;          /* of the whole tag */
};

static const char *const raw_elements[] = {"script", "style", "textarea", "title", "xmp", "iframe",
                                           "noembed", "noframes"};
static const char *const void_elements[] = {"area", "base", "br", "col", "embed", "hr", "img",
                                            "input", "link", "meta", "source", "track", "wbr"};

static bool name_is(struct text name, const char *other)
{
    return name.size == strlen(other) && strncasecmp(name.at, other, name.size) == 0;
}

static bool name_in(struct text name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (name_is(name, list[i]))
            return true;
    return false;
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static char peek(const struct scanner *scanner, size_t ahead)
{
    size_t at = scanner->at + ahead;

    return at < scanner->page.size ? scanner->page.at[at] : '\0';
}

static bool is_at_end(const struct scanner *scanner)
{
    return scanner->at >= scanner->page.size;
}

/* To right behind the next `mark`, or to the end. */
static void pass_behind(struct scanner *scanner, const char *mark)
{
    size_t left = scanner->page.size - scanner->at;
    const char *found = memmem(scanner->page.at + scanner->at, left, mark, strlen(mark));

    scanner->at = found ? (size_t)(found - scanner->page.at) + strlen(mark) : scanner->page.size;
}

static struct text take_until(struct scanner *scanner, const char *stops)
{
    size_t begin = scanner->at;

    while (!is_at_end(scanner) && !memchr(stops, scanner->page.at[scanner->at], strlen(stops)))
        scanner->at++;
    return (struct text){scanner->page.at + begin, scanner->at - begin};
}

static void pass_blanks(struct scanner *scanner)
{
    while (!is_at_end(scanner) && is_blank(peek(scanner, 0)))
        scanner->at++;
}

static struct text take_value(struct scanner *scanner)
{
    char quote = peek(scanner, 0);

    if (quote != '"' && quote != '\'')
        return take_until(scanner, " \t\n\r\f>");
    scanner->at++;
    struct text value = take_until(scanner, quote == '"' ? "\"" : "'");
    if (!is_at_end(scanner))
        scanner->at++;
    return value;
}

static void read_attribute(struct scanner *scanner, struct tag *tag)
{
    size_t begin = scanner->at;
    struct text name, value = {0};

    if (peek(scanner, 0) == '=')        /* a name may begin with it */
        scanner->at++;
    take_until(scanner, " \t\n\r\f/>=");
    name = (struct text){scanner->page.at + begin, scanner->at - begin};
    pass_blanks(scanner);
    if (peek(scanner, 0) == '=') {
        scanner->at++;
        pass_blanks(scanner);
        value = take_value(scanner);
    }
    if (name_is(name, "id") && !tag->id.at)
        tag->id = value;
}

/* The scanner stands on `<` or `</` before a letter. False: the page ends inside. */
static bool read_tag(struct scanner *scanner, struct tag *tag)
{
    *tag = (struct tag){.begin = scanner->at, .is_end = peek(scanner, 1) == '/'};
    scanner->at += tag->is_end ? 2 : 1;
    tag->name = take_until(scanner, " \t\n\r\f/>");
    while (!is_at_end(scanner) && peek(scanner, 0) != '>') {
        char c = peek(scanner, 0);
        tag->closes_itself = c == '/' && peek(scanner, 1) == '>';
        if (c == '/' || is_blank(c))
            scanner->at++;
        else
            read_attribute(scanner, tag);
    }
    if (is_at_end(scanner))
        return false;
    tag->end = ++scanner->at;
    return true;
}

static void pass_comment(struct scanner *scanner)
{
    scanner->at += 4;
    if (peek(scanner, 0) == '>')
        scanner->at++;
    else if (peek(scanner, 0) == '-' && peek(scanner, 1) == '>')
        scanner->at += 2;
    else
        pass_behind(scanner, "-->");
}

static bool is_comment(const struct scanner *scanner)
{
    return peek(scanner, 1) == '!' && peek(scanner, 2) == '-' && peek(scanner, 3) == '-';
}

/* The next tag; what stands between is passed over. */
static bool next_tag(struct scanner *scanner, struct tag *tag)
{
    while (true) {
        take_until(scanner, "<");
        if (is_at_end(scanner))
            return false;
        char c = peek(scanner, 1);
        if (is_letter(c) || (c == '/' && is_letter(peek(scanner, 2))))
            return read_tag(scanner, tag);
        if (is_comment(scanner))
            pass_comment(scanner);
        else if (c == '!' || c == '?' || c == '/')
            pass_behind(scanner, ">");
        else
            scanner->at++;
    }
}

/* Behind a start tag of raw text: to its end tag, which the scanner then stands on. */
static bool pass_raw(struct scanner *scanner, struct text name)
{
    while (!is_at_end(scanner)) {
        take_until(scanner, "<");
        struct text rest = {scanner->page.at + scanner->at, scanner->page.size - scanner->at};
        if (rest.size > name.size + 2 && rest.at[1] == '/' &&
            strncasecmp(rest.at + 2, name.at, name.size) == 0 &&
            strchr(" \t\n\r\f/>", rest.at[2 + name.size]))
            return true;
        if (!is_at_end(scanner))
            scanner->at++;
    }
    return false;
}

static bool is_raw(const struct tag *tag)
{
    return !tag->is_end &&
           name_in(tag->name, raw_elements, sizeof raw_elements / sizeof *raw_elements);
}

/* From right behind the start tag to its end tag; elements of the same name may lie within. */
static bool find_end(struct scanner *scanner, const struct tag *start, struct span *inside)
{
    struct tag tag;
    size_t depth = 1;

    inside->begin = start->end;
    if (is_raw(start) && !pass_raw(scanner, start->name))
        return false;
    while (depth > 0 && next_tag(scanner, &tag)) {
        if (tag.name.size == start->name.size &&
            strncasecmp(tag.name.at, start->name.at, tag.name.size) == 0)
            depth += tag.is_end ? -1 : 1;
        inside->end = tag.begin;
        if (depth > 0 && is_raw(&tag) && !pass_raw(scanner, tag.name))
            return false;
    }
    return depth == 0;
}

typedef bool is_it(const struct tag *tag, const char *id);

static bool is_title(const struct tag *tag, const char *id)
{
    (void)id;
    return name_is(tag->name, "title");
}

static bool has_id(const struct tag *tag, const char *id)
{
    return tag->id.at && text_is(tag->id, id) && !tag->closes_itself &&
           !name_in(tag->name, void_elements, sizeof void_elements / sizeof *void_elements);
}

static bool find(struct text page, is_it *judge, const char *id, struct span *inside)
{
    struct scanner scanner = {page, 0};
    struct tag tag;

    while (next_tag(&scanner, &tag)) {
        if (!tag.is_end && judge(&tag, id))
            return find_end(&scanner, &tag, inside);
        if (is_raw(&tag) && !pass_raw(&scanner, tag.name))
            return false;
    }
    return false;
}

bool html_find_title(struct text page, struct span *inside)
{
    return find(page, is_title, NULL, inside);
}

bool html_find_id(struct text page, const char *id, struct span *inside)
{
    return find(page, has_id, id, inside);
}
