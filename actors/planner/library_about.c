/* library_about.c - template.json: read strictly, so that a mistake is found at the start. */
#include <jansson.h>
#include <stdio.h>

#include "actors/planner/library_files.h"
#include "actors/planner/slots.h"

enum { TEXTS_MAX = 64, TEXT_CHARACTERS_MAX = 64 };

static const char html_placeholder[] = "{{title:html}}", js_placeholder[] = "{{title:js}}";

static bool read_text(struct library *library, const json_t *value, size_t characters_max,
                      struct text *out)
{
    struct text text = {json_string_value(value), json_string_length(value)};

    if (!text.at || text_trimmed(text).size != text.size || text.size == 0 ||
        text_code_points(text) > characters_max)
        return false;
    *out = arena_text(library->arena, text);
    return out->at;
}

static bool read_texts(struct library *library, const json_t *array, size_t characters_max,
                       struct texts *out)
{
    size_t count = json_array_size(array);
    struct text *texts = arena_take(library->arena, (count + 1) * sizeof *texts);

    if (!json_is_array(array) || count > TEXTS_MAX || !texts)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!read_text(library, json_array_get(array, i), characters_max, &texts[i]))
            return false;
    *out = (struct texts){texts, (uint32_t)count};
    return true;
}

/* "to-do list" becomes the pattern "to do list": one token for each of its words. */
static const char *pattern_of(struct library *library, struct text word)
{
    struct words words = words_split(word, library->arena);
    char *pattern = arena_take(library->arena, word.size + 2);
    size_t size = 0;

    for (size_t i = 0; pattern && i < words.count; i++) {
        struct text one = word_text(&words, i);
        if (i > 0)
            pattern[size++] = ' ';
        memcpy(pattern + size, one.at, one.size);
        size += one.size;
    }
    return size > 0 ? pattern : NULL;
}

static bool read_keywords(struct library *library, const json_t *array, struct template *out)
{
    size_t count = json_array_size(array);

    if (!json_is_array(array) || count > KEYWORDS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        const json_t *keyword = json_array_get(array, i), *weight = json_object_get(keyword,
                                                                                    "weight");
        struct text word;
        if (!read_text(library, json_object_get(keyword, "word"), 64, &word) ||
            json_integer_value(weight) < 1 || json_integer_value(weight) > KEYWORD_WEIGHT_MAX)
            return false;
        out->keywords[i] = (struct keyword){pattern_of(library, word),
                                            (uint32_t)json_integer_value(weight)};
        if (!out->keywords[i].pattern)
            return false;
    }
    out->keyword_count = count;
    return true;
}

static bool read_built_in(const json_t *array, struct template *out)
{
    bool known = json_is_array(array);

    for (size_t i = 0; known && i < json_array_size(array); i++) {
        const char *name = json_string_value(json_array_get(array, i));
        known = false;
        for (int k = 0; name && k < FEATURES; k++)
            if (strcmp(name, feature_directory((enum feature)k)) == 0)
                known = out->can[k].is_built_in = true;
    }
    return known;
}

static bool read_object(struct library *library, const json_t *object, struct template *out,
                        struct fault *fault)
{
    const char *wrong = NULL;

    if (json_object_size(object) != 9)
        wrong = "it must have the nine known keys";
    else if (!read_text(library, json_object_get(object, "name"), 64, &out->name))
        wrong = "name";
    else if (!read_text(library, json_object_get(object, "title"), 200, &out->title))
        wrong = "title";
    else if (!read_text(library, json_object_get(object, "intent"), 64, &out->intent))
        wrong = "intent";
    else if (!read_keywords(library, json_object_get(object, "keywords"), out))
        wrong = "keywords";
    else if (!read_texts(library, json_object_get(object, "components"),
                         TEXT_CHARACTERS_MAX, &out->components))
        wrong = "components";
    else if (!read_texts(library, json_object_get(object, "features"),
                         TEXT_CHARACTERS_MAX, &out->features))
        wrong = "features";
    else if (!read_texts(library, json_object_get(object, "libraries"),
                         TEXT_CHARACTERS_MAX, &out->libraries))
        wrong = "libraries";
    else if (!read_built_in(json_object_get(object, "builtIn"), out))
        wrong = "builtIn";
    else if (!read_texts(library, json_object_get(object, "shared"), FILE_PATH_CHARACTERS_MAX,
                         &out->shared))
        wrong = "shared";
    return !wrong || fault_set(fault, FAULT_internal, "'template.json': %s", wrong);
}

bool template_read_about(struct library *library, struct text about, struct template *out,
                         struct fault *fault)
{
    json_error_t error;
    json_t *object = json_loadb(about.at, about.size, JSON_REJECT_DUPLICATES, &error);

    if (!object)
        return fault_set(fault, FAULT_internal, "'template.json': line %d: %s", error.line,
                         error.text);
    bool read = read_object(library, object, out, fault);
    json_decref(object);
    return read;
}

/* ---- checking ---- */

static size_t count_slots(const struct template *template, struct text slot)
{
    size_t count = 0, begin;

    for (size_t i = 0; i < template->file_count; i++) {
        struct text content = template->files[i].content;
        while (slot_find(content, slot, &begin)) {
            const char *end = memchr(content.at + begin, '\n', content.size - begin);
            const char *behind = end ? end + 1 : content.at + content.size;
            content = (struct text){behind, content.size - (size_t)(behind - content.at)};
            count++;
        }
    }
    return count;
}

static bool check_feature(const struct template *template, enum feature feature,
                          struct fault *fault)
{
    const struct template_feature *can = &template->can[feature];

    if (can->is_built_in && can->snippet_count > 0)
        return fault_set(fault, FAULT_internal, "'%s' is built in and has slots too",
                         feature_directory(feature));
    for (size_t i = 0; i < can->snippet_count; i++)
        if (count_slots(template, can->snippets[i].slot) != 1)
            return fault_set(fault, FAULT_internal, "'features/%s/%.*s': not one such slot",
                             feature_directory(feature), TEXT_ARGS(can->snippets[i].slot));
    return true;
}

static bool check_placeholders(const struct file *file, struct fault *fault)
{
    struct text rest = file->content;
    const char *found;

    while ((found = memmem(rest.at, rest.size, "{{title", 7))) {
        rest = (struct text){found, rest.size - (size_t)(found - rest.at)};
        bool known = (rest.size >= strlen(html_placeholder) &&
                      memcmp(rest.at, html_placeholder, strlen(html_placeholder)) == 0) ||
                     (rest.size >= strlen(js_placeholder) &&
                      memcmp(rest.at, js_placeholder, strlen(js_placeholder)) == 0);
        if (!known)
            return fault_set(fault, FAULT_internal, "'files/%.*s': unknown placeholder",
                             TEXT_ARGS(file->path));
        rest = (struct text){rest.at + 7, rest.size - 7};
    }
    return true;
}

bool template_check(const struct template *template, struct fault *fault)
{
    if (template->file_count == 0)
        return fault_set(fault, FAULT_internal, "has no files");
    for (size_t i = 0; i < template->file_count; i++)
        if (!check_placeholders(&template->files[i], fault))
            return false;
    for (int i = 0; i < FEATURES; i++)
        if (!check_feature(template, (enum feature)i, fault))
            return false;
    return true;
}
