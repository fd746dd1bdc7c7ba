/* unpacker_test - what was packed is there again, and what an archive should not hold is refused.
 *
 * Method: archives of libarchive's own writer, which writes whatever it is told, unpacked below /tmp.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "actors/sandbox/unpacker.h"
#include "bus/owned.h"

enum { ARCHIVE_SIZE = 1 << 20, ROWS_MAX = 4 };

static const struct tree_bounds wide = {.octets_max = 1000, .entries_max = 10};
static char top[] = "/tmp/isekai-unpack-XXXXXX";
static int root = -1, to = -1;
static struct fault fault;

static int make(void **state)
{
    (void) state;
    (void) snprintf(top, sizeof top, "/tmp/isekai-unpack-XXXXXX");
    assert_non_null(mkdtemp(top));
    root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(root, "to", 0700), 0);
    to = openat(root, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return root >= 0 && to >= 0 ? 0 : -1;
}

static int drop(void **state)
{
    (void) state;
    fd_drop(&to);
    fd_drop(&root);
    assert_true(tree_remove(AT_FDCWD, top, &fault));
    return 0;
}

struct row { const char *path; mode_t type; const char *content, *symlink, *hardlink; };

static struct text archive_of(const struct row *rows, size_t count)
{
    static char octets[ARCHIVE_SIZE];
    struct archive *archive = archive_write_new();
    size_t used = 0;

    (void) archive_write_set_format_pax_restricted(archive);
    (void) archive_write_add_filter_gzip(archive);
    assert_int_equal(archive_write_open_memory(archive, octets, sizeof octets, &used), ARCHIVE_OK);
    for (size_t i = 0; i < count && rows[i].path; i++) {
        struct archive_entry *entry = archive_entry_new();
        size_t size = rows[i].content ? strlen(rows[i].content) : 0;
        archive_entry_set_pathname(entry, rows[i].path);
        archive_entry_set_filetype(entry, rows[i].type);
        archive_entry_set_perm(entry, 07777);
        archive_entry_set_size(entry, (la_int64_t)size);
        archive_entry_set_mtime(entry, 1000000000, 0);
        if (rows[i].symlink)
            archive_entry_set_symlink(entry, rows[i].symlink);
        if (rows[i].hardlink)
            archive_entry_set_hardlink(entry, rows[i].hardlink);
        assert_true(archive_write_header(archive, entry) >= ARCHIVE_WARN);   /* a name in no locale */
        if (size > 0)
            assert_int_equal(archive_write_data(archive, rows[i].content, size), size);
        archive_entry_free(entry);
    }
    archive_write_free(archive);
    return (struct text){octets, used};
}

static bool is_there(const char *path)
{
    return faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void files_and_directories_are_there(void **state)
{
    static const struct row rows[] = {
        {.path = "d", .type = AE_IFDIR},
        {.path = "d/f", .type = AE_IFREG, .content = "hello"},
        {.path = "back\\slash\n\xff", .type = AE_IFREG},
    };
    struct stat about;
    char content[8] = "";

    (void) state;
    assert_true(unpack(to, archive_of(rows, 3), &wide, &fault));
    OWNED(fd) int fd = openat(root, "to/d/f", O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, content, sizeof content), 5);
    assert_string_equal(content, "hello");
    assert_int_equal(fstat(fd, &about), 0);
    assert_int_equal(about.st_mode, S_IFREG | 0700);    /* no setuid bit, for nobody else */
    assert_int_equal(about.st_mtim.tv_sec, 1000000000);
    assert_true(is_there("to/back\\slash\n\xff"));
}

static void nothing_else_is_made(void **state)
{
    static const struct row archives[][ROWS_MAX] = {
        {{.path = "../out", .type = AE_IFREG, .content = "x"}},
        {{.path = "/tmp/isekai-unpack-out", .type = AE_IFREG, .content = "x"}},
        {{.path = "d", .type = AE_IFDIR}, {.path = "d/../../out", .type = AE_IFREG}},
        {{.path = "./out", .type = AE_IFREG}},
        {{.path = "d//out", .type = AE_IFREG}},
        {{.path = "l", .type = AE_IFLNK, .symlink = ".."}, {.path = "l/out", .type = AE_IFREG}},
        {{.path = "f", .type = AE_IFREG}, {.path = "out", .type = AE_IFREG, .hardlink = "f"}},
        {{.path = "out", .type = AE_IFIFO}},
        {{.path = "out", .type = AE_IFCHR}},
        {{.path = "no/out", .type = AE_IFREG}},
        {{.path = "f", .type = AE_IFREG}, {.path = "f/out", .type = AE_IFREG}},
        {{.path = "f", .type = AE_IFREG}, {.path = "f", .type = AE_IFREG}},
        {{.path = "f", .type = AE_IFREG}, {.path = "f", .type = AE_IFDIR}},
    };

    (void) state;
    for (size_t i = 0; i < sizeof archives / sizeof *archives; i++) {
        if (unpack(to, archive_of(archives[i], ROWS_MAX), &wide, &fault))
            fail_msg("archive %zu was taken", i);
        assert_int_equal(fault.kind, FAULT_malformed);
        assert_false(is_there("out"));
        assert_false(is_there("to/out"));
        assert_false(is_there("/tmp/isekai-unpack-out"));
        assert_true(tree_empty(to, &fault));
    }
}

/* Something is there already, put by a link's maker. */
static void no_link_is_followed(void **state)
{
    static const struct row below = {.path = "l/out", .type = AE_IFREG};
    static const struct row over = {.path = "l", .type = AE_IFREG, .content = "x"};

    (void) state;
    assert_int_equal(symlinkat("..", to, "l"), 0);
    assert_false(unpack(to, archive_of(&below, 1), &wide, &fault));
    assert_false(unpack(to, archive_of(&over, 1), &wide, &fault));
    assert_false(is_there("out"));
}

static void what_is_no_archive_is_refused(void **state)
{
    static const struct row row = {.path = "f", .type = AE_IFREG, .content = "hello"};
    struct text whole = archive_of(&row, 1);

    (void) state;
    assert_false(unpack(to, TEXT_OF("no archive at all"), &wide, &fault));
    assert_int_equal(fault.kind, FAULT_malformed);
    whole.size -= 20;
    assert_false(unpack(to, whole, &wide, &fault));
    assert_int_equal(fault.kind, FAULT_malformed);
}

static void it_is_bounded(void **state)
{
    static char large[1002];
    const struct row rows[] = {{.path = "f", .type = AE_IFREG, .content = large}};
    const struct tree_bounds few = {.octets_max = 1000, .entries_max = 1};
    static const struct row many[] = {{.path = "a", .type = AE_IFREG},
                                      {.path = "b", .type = AE_IFREG}};

    (void) state;
    memset(large, 'x', sizeof large - 1);
    assert_false(unpack(to, archive_of(rows, 1), &wide, &fault));
    assert_int_equal(fault.kind, FAULT_too_large);
    assert_false(unpack(to, archive_of(many, 2), &few, &fault));
    assert_int_equal(fault.kind, FAULT_too_large);
}

int main(void)
{
#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, make, drop)
    static const struct CMUnitTest tests[] = {
        IN_ROOM(files_and_directories_are_there),
        IN_ROOM(nothing_else_is_made),
        IN_ROOM(no_link_is_followed),
        IN_ROOM(what_is_no_archive_is_refused),
        IN_ROOM(it_is_bounded),
    };

    return cmocka_run_group_tests_name("unpacker", tests, NULL, NULL);
}
