/* message_rules.c - the rules of texts and files. */
#include "schemas/message_rules.h"

#include "schemas/host.h"

bool text_is_within(struct text text, uint64_t characters_max)
{
    size_t count = text_code_points(text);

    return count != SIZE_MAX && count <= characters_max;
}

bool text_fits(const struct field *field, struct text *text)
{
    if (field->form == TRIMMED)
        *text = text_trimmed(*text);
    size_t count = text_code_points(*text);
    char host[HOST_SIZE];
    if (count == SIZE_MAX || count < field->min || count > field->max)
        return false;
    switch (field->form) {
    case LINE:      return !text_has_control(*text);
    case APP_ID:    return text_is_app_id(*text);
    case FILE_PATH: return text_is_file_path(*text);
    case SECRET_NAME: return text_is_secret_name(*text);
    case SECRET_VALUE: return text_is_secret_value(*text);
    case HOST:      return host_pattern_read(*text, host);
    case ARCHIVE_FORMAT: return text_is(*text, "tar.gz") || text_is(*text, "zip");
    default:        return true;
    }
}

/* Is `inner` a path below `outer`, as if that were a directory? */
static bool is_below(struct text inner, struct text outer)
{
    return inner.size > outer.size && inner.at[outer.size] == '/' &&
           memcmp(inner.at, outer.at, outer.size) == 0;
}

static const char *path_complaint(struct text path)
{
    size_t count = path.at ? text_code_points(path) : SIZE_MAX;

    if (count != SIZE_MAX && count > FILE_PATH_CHARACTERS_MAX)
        return "File path too long";
    return count != SIZE_MAX && text_is_file_path(path) ? NULL : "Invalid file path";
}

static const char *content_complaint(const struct field *field, const struct file *file)
{
    if (file->removed)
        return field->form == REMOVABLE ? NULL : "File content must be a text";
    if (!file->content.at)
        return "File content must be a text";
    if (file->content.size > FILE_CONTENT_OCTETS_MAX)
        return "File content too large (max 1MB per file)";
    if (text_code_points(file->content) == SIZE_MAX)
        return "File content must be a text";
    return NULL;
}

/* A removed file makes way for a directory of its name, and the other way round. */
static const char *neighbour_complaint(const struct file *file, const struct file *other)
{
    if (!other->path.at)
        return NULL;
    if (text_equals(file->path, other->path))
        return "File path given twice";
    if (file->removed || other->removed)
        return NULL;
    if (is_below(file->path, other->path) || is_below(other->path, file->path))
        return "File path is a directory of another";
    return NULL;
}

const char *file_complaint(const struct field *field, const struct files *files, uint32_t index)
{
    const struct file *file = &files->at[index];
    const char *complaint = path_complaint(file->path);

    if (!complaint)
        complaint = content_complaint(field, file);
    for (uint32_t i = 0; i < index && !complaint; i++)
        complaint = neighbour_complaint(file, &files->at[i]);
    return complaint;
}
