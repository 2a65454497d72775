/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that is larger than what was read has a note that says so, and no other has: models/, and real models where
 * they are, with and without --simplify. */
#include "bnfuse.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *growth_note(const bnfuse_model *model)
{
    const bnfuse_report *report = bnfuse_get_report(model);
    for (size_t i = 0; i < report->note_count; i++)
        if (strstr(report->notes[i], "bytes more than what was read")) return report->notes[i];
    return NULL;
}

/* 1 when the file has grown. */
static int try_model(const char *path, bool simplify)
{
    bnfuse_fuse_options options;
    bnfuse_error error;
    void *bytes;
    size_t size;
    char expected[100];
    bnfuse_fuse_options_init(&options);
    options.simplify = simplify;
    bnfuse_model *model = bnfuse_load(path, NULL, &error);
    if (!model) fail_msg("%s: %s", path, error.message);
    if (!bnfuse_fuse(model, &options, &error) || !bnfuse_write_bytes(model, &bytes, &size, &error)) {
        bnfuse_free(model);
        if (error.status == BNFUSE_UNSUPPORTED || error.status == BNFUSE_USAGE)
            return 0; /* newer opsets, external data */
        fail_msg("%s: %s", path, error.message);
    }
    const char *note = growth_note(model);
    const uint64_t before = bnfuse_get_report(model)->before.bytes;
    snprintf(expected, sizeof expected, " %llu bytes more", (unsigned long long)(size - before));
    if (size > before && (!note || !strstr(note, expected))) fail_msg("%s grows without a note", path);
    if (size <= before && note) fail_msg("%s: %s", path, note);
    free(bytes);
    bnfuse_free(model);
    return size > before;
}

static bool try_folder(const char *folder, int *tried, int *grown)
{
    DIR *stream = opendir(folder);
    char path[2048];
    if (!stream) return false;
    for (struct dirent *entry; (entry = readdir(stream));) {
        size_t length = strlen(entry->d_name);
        if (length < 5 || strcmp(entry->d_name + length - 5, ".onnx") != 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        for (int simplify = 0; simplify < 2; simplify++, ++*tried) *grown += try_model(path, simplify);
    }
    closedir(stream);
    return true;
}

static void a_model_that_grows_says_so(void **state)
{
    int tried = 0, grown = 0;
    (void)state;
    assert_true(try_folder(getenv("BNFUSE_MODELS"), &tried, &grown));
    printf("%d files written, %d larger than what was read\n", tried, grown);
    assert_true(tried > 300 && grown > 5);
}

static void a_real_model_that_grows_says_so(void **state)
{
    static const char *const kinds[] = { "gen", "real" };
    const char *shared = getenv("BNFUSE_SHARED");
    int tried = 0, grown = 0;
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char folder[1024];
        snprintf(folder, sizeof folder, "%s/models/%s", shared ? shared : "../shared", kinds[i]);
        if (!try_folder(folder, &tried, &grown)) {
            printf("%s is not there\n", folder);
            skip();
        }
    }
    printf("%d files written, %d larger than what was read\n", tried, grown);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_that_grows_says_so),
        cmocka_unit_test(a_real_model_that_grows_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
