/* packer_test - what goes into an archive comes out of it, and nothing grows without bound.
 *
 * Method: archives in a temporary file, read back with libarchive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#include "actors/sandbox/packer.h"
#include "bus/owned.h"

enum { PLENTY = 1 << 30, CONTENT_SIZE = 200000 };

static struct fault fault;

static int file_with(const char *octets, size_t size)
{
    FILE *file = tmpfile();
    int fd = file ? dup(fileno(file)) : -1;

    assert_true(fd >= 0);
    (void) fclose(file);
    assert_int_equal(write(fd, octets, size), size);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* The content of `path` and its mode; NULL when the archive has no such entry. */
static const char *read_entry(int fd, const char *path, mode_t *mode, size_t *size)
{
    static char content[CONTENT_SIZE];
    const char *found = NULL;
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), before = uselocale(utf8);
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;

    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    (void) archive_read_support_format_all(archive);
    (void) archive_read_support_filter_all(archive);
    assert_int_equal(archive_read_open_fd(archive, fd, 65536), ARCHIVE_OK);
    while (!found && archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
        if (strcmp(archive_entry_pathname_utf8(entry) ? archive_entry_pathname_utf8(entry) : "",
                   path) != 0)
            continue;
        *mode = archive_entry_mode(entry);
        la_ssize_t got = archive_read_data(archive, content, sizeof content);
        assert_true(got >= 0);
        *size = (size_t)got;
        found = content;
    }
    archive_read_free(archive);
    (void) uselocale(before);           /* the packer must do without */
    freelocale(utf8);
    return found;
}

static void everything_comes_out_again(void **state)
{
    static const enum packer_format formats[] = {PACKER_TAR_GZ, PACKER_ZIP};
    const char *name = "data/gr\xc3\xbcn \xe6\x97\xa5";

    (void) state;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        OWNED(fd) int out = file_with("", 0);
        struct packer *packer = packer_new(out, formats[i], PLENTY, &fault);
        uint64_t octets = 0;
        mode_t mode = 0;
        size_t size = 0;

        assert_non_null(packer);
        assert_true(packer_add_directory(packer, "data", 1000, &fault));
        assert_true(packer_add(packer, name, TEXT_OF("hello"), 1000, &fault));
        assert_true(packer_add(packer, "data/empty", TEXT_OF(""), 1000, &fault));
        assert_true(packer_end(packer, &octets, &fault));
        packer_free(packer);
        assert_int_equal(lseek(out, 0, SEEK_END), octets);
        assert_memory_equal(read_entry(out, name, &mode, &size), "hello", 5);
        assert_int_equal(size, 5);
        assert_int_equal(mode, S_IFREG | 0644);
        assert_non_null(read_entry(out, "data/empty", &mode, &size));
        assert_int_equal(size, 0);
        assert_non_null(read_entry(out, "data/", &mode, &size));
        assert_int_equal(mode, S_IFDIR | 0755);
    }
}

/* Its size was written before its octets. */
static void a_file_that_changes_has_the_size_it_had(void **state)
{
    static const struct { off_t said; const char *wanted; } rows[] = {
        {8, "12345\0\0\0"}, {3, "123"}, {5, "12345"}};

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        OWNED(fd) int out = file_with("", 0);
        OWNED(fd) int in = file_with("12345", 5);
        struct packer *packer = packer_new(out, PACKER_TAR_GZ, PLENTY, &fault);
        struct stat about = {.st_mode = S_IFREG | 0700, .st_size = rows[i].said};
        uint64_t octets = 0;
        mode_t mode = 0;
        size_t size = 0;

        assert_true(packer_add_file(packer, "f", in, &about, &fault));
        assert_true(packer_add(packer, "behind", TEXT_OF("x"), 1000, &fault));
        assert_true(packer_end(packer, &octets, &fault));
        packer_free(packer);
        const char *content = read_entry(out, "f", &mode, &size);
        assert_int_equal(size, rows[i].said);
        assert_memory_equal(content, rows[i].wanted, size);
        assert_int_equal(mode, S_IFREG | 0755);
        assert_non_null(read_entry(out, "behind", &mode, &size));
    }
}

static bool pack_noise(int out, uint64_t octets_max, uint64_t *octets)
{
    static char noise[CONTENT_SIZE];
    struct packer *packer = packer_new(out, PACKER_TAR_GZ, octets_max, &fault);
    bool packed = packer != NULL;

    randombytes_buf(noise, sizeof noise);
    for (int i = 0; packed && i < 10; i++)
        packed = packer_add(packer, "noise", (struct text){noise, sizeof noise}, 1000, &fault);
    packed = packed && packer_end(packer, octets, &fault);
    packer_free(packer);
    return packed;
}

static void it_is_bounded(void **state)
{
    OWNED(fd) int out = file_with("", 0);
    uint64_t octets = 0;

    (void) state;
    assert_false(pack_noise(out, 1000000, &octets));
    assert_int_equal(fault.kind, FAULT_too_large);
    assert_in_range(lseek(out, 0, SEEK_END), 0, 1000000);
    assert_true(pack_noise(out, PLENTY, &octets));
}

static void a_full_disk_is_named(void **state)
{
    OWNED(fd) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    uint64_t octets = 0;

    (void) state;
    assert_true(full >= 0);
    assert_false(pack_noise(full, PLENTY, &octets));
    assert_int_equal(fault.kind, FAULT_disk_full);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_out_again),
        cmocka_unit_test(a_file_that_changes_has_the_size_it_had),
        cmocka_unit_test(it_is_bounded),
        cmocka_unit_test(a_full_disk_is_named),
    };

    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("packer", tests, NULL, NULL);
}
