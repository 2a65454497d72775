/* SPDX-License-Identifier: Apache-2.0
 *
 * The system's calls beyond POSIX: what their callers rely on, whichever way they are answered. */
#include "base/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void there_is_a_processor(void **state)
{
    (void)state;
    assert_in_range(platform_processors(), 1, 100000);
}

static void a_memory_file_holds_what_was_written(void **state)
{
    (void)state;
    char back[6] = "";
    int fd = platform_memory_file();
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "tensor", 6), 6);
    assert_int_equal(pread(fd, back, 6, 0), 6);
    assert_memory_equal(back, "tensor", 6);
    close(fd);
}

static void an_unnamed_file_gets_a_name_or_is_refused(void **state)
{
    (void)state;
    char directory[] = "platform_test-XXXXXX", back[6] = "";
    assert_non_null(mkdtemp(directory));
    int directory_fd = open(directory, O_RDONLY | O_DIRECTORY);
    int fd = platform_open_unnamed(directory_fd);
    if (fd >= 0) {
        assert_int_equal(write(fd, "tensor", 6), 6);
        assert_int_equal(platform_link_unnamed(fd, directory_fd, "named"), 0);
        assert_int_equal(platform_link_unnamed(fd, directory_fd, "named"), -1);
        assert_int_equal(errno, EEXIST);
        int named = openat(directory_fd, "named", O_RDONLY);
        assert_int_equal(read(named, back, 6), 6);
        assert_memory_equal(back, "tensor", 6);
        close(named);
        close(fd);
        assert_int_equal(unlinkat(directory_fd, "named", 0), 0);
    }
    close(directory_fd);
    assert_int_equal(rmdir(directory), 0); /* nothing else was left in it */
}

static void a_name_that_is_taken_is_not_renamed_to(void **state)
{
    (void)state;
    char directory[] = "platform_test-XXXXXX";
    assert_non_null(mkdtemp(directory));
    int directory_fd = open(directory, O_RDONLY | O_DIRECTORY);
    close(openat(directory_fd, "a", O_CREAT | O_WRONLY, 0600));
    close(openat(directory_fd, "b", O_CREAT | O_WRONLY, 0600));
    assert_int_equal(platform_rename_new(directory_fd, "a", "b"), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(platform_rename_new(directory_fd, "a", "c"), 0);
    assert_int_equal(unlinkat(directory_fd, "a", 0), -1);
    assert_int_equal(unlinkat(directory_fd, "b", 0), 0);
    assert_int_equal(unlinkat(directory_fd, "c", 0), 0);
    close(directory_fd);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_a_processor),
        cmocka_unit_test(a_memory_file_holds_what_was_written),
        cmocka_unit_test(an_unnamed_file_gets_a_name_or_is_refused),
        cmocka_unit_test(a_name_that_is_taken_is_not_renamed_to),
    };
    return cmocka_run_group_tests_name("platform", tests, NULL, NULL);
}
