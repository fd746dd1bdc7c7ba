/* node_check.c - writes an app's scripts to a directory of their own and lets node parse them. */
#include "tests/planner/node_check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/planner/library_of_test.h"

static int run_node(const char *option, const char *file)
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(nowhere, 1);
        if (!file)
            dup2(nowhere, 2);
        execlp("node", "node", option, file, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

bool node_is_there(void)
{
    return run_node("--version", NULL) == 0;
}

static bool has_end(struct text text, const char *end)
{
    size_t size = strlen(end);

    return text.size >= size && memcmp(text.at + text.size - size, end, size) == 0;
}

static void check_script(const char *directory, const struct file *file)
{
    bool is_module = file->path.size > 7 && memcmp(file->path.at, "public/", 7) == 0;
    char path[128];

    snprintf(path, sizeof path, "%s/script.%s", directory, is_module ? "mjs" : "cjs");
    FILE *out = fopen(path, "we");
    assert_non_null(out);
    assert_int_equal(fwrite(file->content.at, 1, file->content.size, out), file->content.size);
    assert_int_equal(fclose(out), 0);
    int code = run_node("--check", path);
    unlink(path);
    if (code != 0)
        fail_msg("node refuses %.*s", TEXT_ARGS(file->path));
}

void node_check(struct files files)
{
    char directory[] = "/tmp/isekai-node-check-XXXXXX";

    assert_non_null(mkdtemp(directory));
    for (uint32_t i = 0; i < files.count; i++)
        if (has_end(files.at[i].path, ".js"))
            check_script(directory, &files.at[i]);
    assert_int_equal(rmdir(directory), 0);
}
