/* SPDX-License-Identifier: Apache-2.0
 *
 * One bit that changes on its way to the disk: the program says so, and leaves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { FLIPS = 30 }; /* a case */

static char folder[64];

static int open_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/flip_test.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int close_folder(void **state)
{
    (void)state;
    char command[200];
    snprintf(command, sizeof command, "rm -rf %s %s.log", folder, folder);
    return system(command);
}

static size_t bytes_in_folder(size_t *files)
{
    char path[400];
    size_t bytes = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    *files = 0;
    for (const struct dirent *entry; (entry = readdir(directory));) {
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' && (!entry->d_name[1] || entry->d_name[1] == '.')) continue;
        assert_int_equal(stat(path, &status), 0);
        bytes += (size_t)status.st_size;
        ++*files;
    }
    closedir(directory);
    return bytes;
}

/* The program's exit status. */
static int fuse(const char *model, const char *options, long long flip)
{
    char command[2000], preload[600] = "";
    if (flip >= 0)
        snprintf(preload, sizeof preload, "BNFUSE_FLIP=%lld LD_PRELOAD=%s ASAN_OPTIONS=verify_asan_link_order=0", flip,
                 getenv("BNFUSE_FLIP_LIBRARY"));
    snprintf(command, sizeof command, "%s %s %s/%s.onnx -o %s/out.onnx %s >%s.log 2>&1", preload,
             getenv("BNFUSE_PROGRAM"), getenv("BNFUSE_MODELS"), model, folder, options, folder);
    int status = system(command);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_flips_are_caught(const char *model, const char *options)
{
    size_t files, left;
    char command[200];
    uint64_t random = 20;
    assert_int_equal(fuse(model, options, -1), 0);
    size_t bytes = bytes_in_folder(&files);
    snprintf(command, sizeof command, "rm -f %s/*", folder);
    assert_true(files > 0 && bytes > 0);
    assert_int_equal(system(command), 0);
    for (int i = 0; i < FLIPS; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        long long flip = (long long)((random >> 33) % bytes);
        int status = fuse(model, options, flip);
        if (status != 70) print_error("%s %s: byte %lld: exit status %d\n", model, options, flip, status);
        assert_int_equal(status, 70);
        bytes_in_folder(&left);
        assert_int_equal(left, 0);
    }
    assert_int_equal(fuse(model, options, (long long)bytes),
                     0); /* none of its bytes: the library itself harms nothing */
    assert_int_equal(system(command), 0);
}

static void in_a_model(void **state)
{
    (void)state;
    assert_flips_are_caught("trained_cnn", "");
}

static void in_a_model_with_bodies(void **state)
{
    (void)state;
    assert_flips_are_caught("if_branches_conv_bn", "");
}

static void in_a_model_that_is_not_checked(void **state)
{
    (void)state;
    assert_flips_are_caught("mlp_784_256_10_batchnorm1d_after_linear", "--no-check");
}

static void in_external_data(void **state)
{
    (void)state;
    assert_flips_are_caught("trained_cnn", "--external-data weights.bin");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_a_model, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(in_a_model_with_bodies, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(in_a_model_that_is_not_checked, open_folder, close_folder),
        cmocka_unit_test_setup_teardown(in_external_data, open_folder, close_folder),
    };
    return cmocka_run_group_tests_name("flip", tests, NULL, NULL);
}
