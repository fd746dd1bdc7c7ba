/* isekai_schema.c - print the references from the tables.
 *
 *   isekai-schema PAGE         on standard output: openapi, routes, methods, settings or faults
 *   isekai-schema all DIR      every page as a file in DIR
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus/settings.h"
#include "docs/reference.h"

static const struct page { const char *name, *file; void (*print)(FILE *out); } pages[] = {
    {"openapi",  "openapi.json", print_openapi},
    {"routes",   "routes.md",    print_routes},
    {"methods",  "methods.md",   print_methods},
    {"settings", "settings.md",  print_settings},
    {"faults",   "faults.md",    print_faults},
};
enum { PAGES = sizeof pages / sizeof *pages, PATH_SIZE = 4096 };

static bool finish(FILE *out, const char *name)
{
    bool is_bad = ferror(out);

    if (fclose(out) == 0 && !is_bad)
        return true;
    fprintf(stderr, "isekai-schema: %s: %s\n", name, strerror(errno));
    return false;
}

static bool write_page(const struct page *page, const char *directory)
{
    char path[PATH_SIZE];
    int size = snprintf(path, sizeof path, "%s/%s", directory, page->file);
    FILE *out = size > 0 && (size_t)size < sizeof path ? fopen(path, "we") : NULL;

    if (!out) {
        fprintf(stderr, "isekai-schema: %s/%s: %s\n", directory, page->file, strerror(errno));
        return false;
    }
    page->print(out);
    return finish(out, path);
}

static int write_all(const char *directory)
{
    for (int i = 0; i < PAGES; i++)
        if (!write_page(&pages[i], directory))
            return EXIT_SYSTEM;
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "all") == 0)
        return write_all(argv[2]);
    for (int i = 0; argc == 2 && i < PAGES; i++)
        if (strcmp(argv[1], pages[i].name) == 0) {
            pages[i].print(stdout);
            return finish(stdout, pages[i].name) ? EXIT_SUCCESS : EXIT_SYSTEM;
        }
    fputs("usage: isekai-schema openapi|routes|methods|settings|faults\n"
          "       isekai-schema all DIRECTORY\n", stderr);
    return EXIT_MISUSED;
}
