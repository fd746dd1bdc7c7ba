/* library_of_test.c - helpers of the planner's tests. */
#include "tests/planner/library_of_test.h"

struct library *library;
struct arena *arena;

int library_setup(void **state)
{
    struct fault fault = {0};

    (void)state;
    library = library_read("actors/planner/templates", &fault);
    if (!library)
        print_error("%s\n", fault.reason);
    return library ? 0 : -1;
}

int library_teardown(void **state)
{
    (void)state;
    library_free(library);
    return 0;
}

int arena_setup(void **state)
{
    (void)state;
    arena = arena_new(1u << 30);
    return arena ? 0 : -1;
}

int arena_teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

struct plan_reply plan_of(const char *prompt)
{
    struct plan_request request = {.prompt = text_from(prompt)};
    struct plan_reply reply = {.name = {0}};
    struct fault fault = {0};

    if (!planner_make_plan(library, &request, arena, &reply, &fault))
        fail_msg("'%s': %s", prompt, fault.reason);
    return reply;
}

struct files files_of(const char *prompt)
{
    return plan_of(prompt).code->files;
}

bool revise(struct files files, const char *template, const char *prompt,
            struct revise_reply *reply, struct fault *fault)
{
    struct revise_request request = {
        .prompt = text_from(prompt), .template = text_from(template), .files = files};

    memset(reply, 0, sizeof *reply);
    memset(fault, 0, sizeof *fault);
    return planner_make_revision(library, &request, arena, reply, fault);
}

const struct file *file_at(struct files files, const char *path)
{
    for (uint32_t i = 0; i < files.count; i++)
        if (text_is(files.at[i].path, path))
            return &files.at[i];
    return NULL;
}

static struct files merged(struct files files, struct files changes)
{
    struct file *all = arena_take(arena, (files.count + 1) * sizeof *all);

    for (uint32_t i = 0; i < files.count; i++) {
        const char *path = arena_text(arena, files.at[i].path).at;
        const struct file *change = file_at(changes, path);
        all[i] = change ? *change : files.at[i];
    }
    return (struct files){all, files.count};
}

struct files revised(struct files files, const char *prompt)
{
    struct revise_reply reply;
    struct fault fault;

    if (!revise(files, NULL, prompt, &reply, &fault))
        fail_msg("'%s': %s", prompt, fault.reason);
    for (uint32_t i = 0; i < reply.changes.count; i++)
        assert_non_null(file_at(files, arena_text(arena, reply.changes.at[i].path).at));
    return merged(files, reply.changes);
}

struct files with_change(struct files files, const char *path, struct text content)
{
    struct file change = {.path = text_from(path), .content = content};

    return merged(files, (struct files){&change, 1});
}

bool text_holds(struct text text, const char *part)
{
    return memmem(text.at, text.size, part, strlen(part));
}

struct text text_without(struct text text, struct text part)
{
    const char *found = memmem(text.at, text.size, part.at, part.size);
    char *out = arena_take(arena, text.size + 1);
    size_t before = found ? (size_t)(found - text.at) : text.size;

    assert_non_null(found);
    memcpy(out, text.at, before);
    memcpy(out + before, found + part.size, text.size - before - part.size);
    return (struct text){out, text.size - part.size};
}
