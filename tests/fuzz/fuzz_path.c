/* fuzz_path - whatever is called a file path stays below the app's directory.
 *
 * Beyond not crashing: an accepted path is walked name by name as a kernel would, and must never
 * be above where it began; ids and labels must be what DNS and directories can bear.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>

#include "schemas/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_path(struct text path)
{
    size_t begin = 0;

    must(path.size > 0 && path.at[0] != '/' && !memchr(path.at, '\0', path.size) &&
         !memchr(path.at, '\\', path.size));
    for (size_t i = 0; i <= path.size; i++) {
        if (i < path.size && path.at[i] != '/')
            continue;
        struct text name = {path.at + begin, i - begin};
        must(name.size > 0 && name.size <= 255 && !text_is(name, ".") && !text_is(name, ".."));
        begin = i + 1;
    }
}

static void check_label(struct text app_id)
{
    char label[APP_LABEL_SIZE];

    text_app_label(app_id, label);
    size_t length = strlen(label);
    must(length >= 1 && length <= 63 && label[0] != '-' && label[length - 1] != '-');
    for (size_t i = 0; i < length; i++)
        must(islower((unsigned char)label[i]) || isdigit((unsigned char)label[i]) ||
             label[i] == '-');
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct text text = {(const char *)input, size}, trimmed = text_trimmed(text);
    int64_t milliseconds;
    char time[JSON_TIME_SIZE];

    must(trimmed.size <= size);
    must(text_code_points(text) == SIZE_MAX || text_code_points(text) <= size);
    if (text_is_file_path(text))
        check_path(text);
    if (text_is_app_id(text))
        check_label(text);
    if (json_time_read(text, &milliseconds)) {
        int64_t again;
        json_time(milliseconds, time);
        must(json_time_read(text_from(time), &again) && again == milliseconds);
    }
    return 0;
}
