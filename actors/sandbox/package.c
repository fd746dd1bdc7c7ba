/* package.c - an app's package.json, when it is one; see package.h. */
#include "actors/sandbox/package.h"

#include "schemas/json.h"

json_t *package_read(struct files files)
{
    struct fault ignored;

    for (uint32_t i = 0; i < files.count; i++)
        if (text_is(files.at[i].path, "package.json"))
            return json_outline_fits(files.at[i].content, &ignored)
                       ? json_loadb(files.at[i].content.at, files.at[i].content.size, 0, NULL)
                       : NULL;
    return NULL;
}
