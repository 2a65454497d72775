/* SPDX-License-Identifier: Apache-2.0
 *
 * The program between the old files and the new ones: whatever fails, is cut short or is killed, a model and its data
 * are the old pair or the new pair, and the exit status says which. */
#include "bnfuse.h"

#include <setjmp.h>
#include <stdarg.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROOM = 8192 };

static char folder[64];

static int open_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/commit_test.XXXXXX");
    return mkdtemp(folder) ? chdir(folder) : -1;
}

static int close_folder(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") || system(command);
}

/* ---- running it ------------------------------------------------------------------------------------------------- */

static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The exit status; 128 and more for a signal. $B is the program, $M the folder of models. */
static int shell(const char *format, ...)
{
    char line[ROOM], command[2 * ROOM];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    snprintf(command, sizeof command, "B=%s M=%s; %s", getenv("BNFUSE_PROGRAM"), getenv("BNFUSE_MODELS"), line);
    int status = system(command);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool same_files(const char *a, const char *b)
{
    return shell("cmp -s %s %s", a, b) == 0;
}

static size_t count_files(void)
{
    DIR *directory = opendir(".");
    size_t count = 0;
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(directory);
    return count;
}

/* ---- targets ---------------------------------------------------------------------------------------------------- */

static void assert_refused(const char *command)
{
    int status = shell("%s >log 2>&1", command);
    if (status != BNFUSE_USAGE) print_error("%s: %d\n", command, status);
    assert_int_equal(status, BNFUSE_USAGE);
    if (shell("grep -qE 'would overwrite|holds weights|holds data' log")) fail_msg("%s", command);
    assert_int_equal(shell("test $(wc -l < log) = 1 || grep -q '^bnfuse: ' log"), 0);
}

static void no_target_is_a_source_or_another_target(void **state)
{
    (void)state;
    assert_int_equal(shell("$B $M/trained_cnn.onnx -o m.onnx --external-data w.bin --no-check >/dev/null"), 0);
    assert_int_equal(
        shell("cp $M/trained_cnn.images.npy x.npy; mkdir data; cp x.npy data/input_0.npy;"
              "ln -s w.bin link.bin; ln -s m.onnx link.onnx; cp -r . ../before.$$; mv ../before.$$ before"),
        0);
    static const char *const commands[] = {
        "$B m.onnx -o w.bin",
        "$B m.onnx -o link.bin",
        "$B m.onnx -o ./w.bin",
        "$B link.onnx -o w.bin --no-check",
        "$B m.onnx -o out.onnx --junit w.bin",
        "$B m.onnx -o out.onnx --junit m.onnx",
        "$B m.onnx -o out.onnx --html link.onnx",
        "$B m.onnx -o out.onnx --markdown out.onnx",
        "$B m.onnx -o out.onnx --junit r --html ./r",
        "$B m.onnx -o out.onnx --external-data r --html r",
        "$B m.onnx -o out.onnx --input x=x.npy --junit x.npy",
        "$B m.onnx -o out.onnx --data data --junit data/input_0.npy",
        "$B m.onnx -o out.onnx --external-data w.bin",
        "$B compare m.onnx link.onnx --markdown w.bin",
        "$B run m.onnx --input x=x.npy -o x.npy",
        "$B run m.onnx --input x=x.npy -o m.onnx",
        "$B run m.onnx --data data --output-dir data",
        "{ $B m.onnx -o - 1<>w.bin; }",
        "{ $B m.onnx -o out.onnx >>m.onnx; }",
        "{ $B run m.onnx --input x=x.npy -o y.npy >>x.npy; }",
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) assert_refused(commands[i]);
    assert_int_equal(shell("rm log; diff -r --exclude before . before"), 0);
}

static void what_is_told_comes_before_what_is_done(void **state)
{
    (void)state;
    assert_int_equal(shell("$B $M/trained_cnn.onnx -o out.onnx >/dev/full 2>/dev/null"), BNFUSE_USAGE);
    assert_int_equal(shell("$B $M/trained_cnn.onnx -o out.onnx --junit absent/r >/dev/null 2>&1"), BNFUSE_USAGE);
    assert_int_equal(shell("$B $M/trained_cnn.onnx -o out.onnx --html /dev/full >/dev/null 2>&1"), BNFUSE_USAGE);
    assert_int_equal(shell("$B $M/trained_cnn.onnx -o out.onnx --require 99 >/dev/null 2>&1"), BNFUSE_POLICY);
    assert_int_equal(
        shell("$B run $M/trained_cnn.onnx --input images=$M/trained_cnn.images.npy -o out.npy --json >/dev/full 2>&1"),
        BNFUSE_USAGE);
    assert_int_equal(count_files(), 0);
}

static void what_is_told_to_nobody_goes_into_no_file(void **state)
{
    (void)state;
    assert_int_equal(shell("$B $M/trained_cnn.onnx -o out.onnx >&-"), BNFUSE_USAGE);
    assert_int_equal(shell("$B $M/trained_cnn.onnx -o - >&-"), BNFUSE_USAGE);
    assert_int_equal(count_files(), 0);
    assert_int_equal(shell("$B $M/trained_cnn.onnx -o out.onnx --progress <&- 2>&- >/dev/null"), BNFUSE_OK);
    assert_int_equal(shell("$B $M/trained_cnn.onnx -o other.onnx >/dev/null"), BNFUSE_OK);
    assert_true(same_files("out.onnx", "other.onnx"));
}

/* The limit on the size of a file stands for a full disk. */
static void results_are_replaced_by_whole_ones_only(void **state)
{
    (void)state;
    static const char *const targets[] = { "-o y.npz", "-o y.npy", "-o y.pb", "--output-dir set" };
    assert_int_equal(shell("cp $M/trained_cnn.images.npy x.npy; head -c 100000 /dev/zero >y.npz; cp y.npz y.npy;"
                           " cp y.npz y.pb; mkdir set; cp y.npz set/output_0.pb; mkdir before;"
                           " cp -r x.npy y.* set before"),
                     0);
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        assert_int_equal(
            shell("(trap '' XFSZ; ulimit -f 0; $B run $M/trained_cnn.onnx --input images=x.npy %s --json) "
                  "2>/dev/null | cat >log; test $(grep -c '\"status\": 2,' log) = 1; s=$?; rm log; exit $s",
                  targets[i]),
            0);
        assert_int_equal(shell("diff -r --exclude before . before"), 0);
    }
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        assert_int_equal(shell("$B run $M/trained_cnn.onnx --input images=x.npy %s", targets[i]), 0);
    assert_int_equal(shell("cmp -s y.npz before/y.npz || cmp -s y.npy before/y.npy || cmp -s y.pb before/y.pb"), 1);
    assert_int_equal(shell("$B run $M/trained_cnn.onnx --input images=x.npy -o y.npz -q && ls -A | grep -q '\\.tmp$'"),
                     1);
}

/* What cannot be written as it is asked for is said before the report says that all is well. */
static void a_report_knows_what_cannot_be_written(void **state)
{
    (void)state;
    assert_int_equal(shell("$B run $M/conv_is_graph_output.onnx -o y.npy --json >log 2>/dev/null"), BNFUSE_USAGE);
    assert_int_equal(shell("grep -q '\"status\": 2,' log"), 0);
}

static void the_data_file_of_another_model_stays(void **state)
{
    (void)state;
    assert_int_equal(shell("$B $M/trained_cnn.onnx -o a.onnx --external-data w.bin --no-check >/dev/null"), 0);
    assert_int_equal(shell("cp w.bin before; cp a.onnx a.before"), 0);
    assert_int_equal(shell("$B $M/bn_flatten_gemm.onnx -o b.onnx --external-data w.bin >/dev/null 2>&1"), BNFUSE_USAGE);
    assert_true(same_files("w.bin", "before") && same_files("a.onnx", "a.before"));
    assert_int_equal(count_files(), 4);
    /* The same bytes again are no harm, and its own old data may go. */
    assert_int_equal(shell("$B $M/trained_cnn.onnx -o a.onnx --external-data w.bin --no-check >/dev/null"), 0);
    assert_true(same_files("w.bin", "before") && same_files("a.onnx", "a.before"));
    assert_int_equal(shell("$B $M/bn_flatten_gemm.onnx -o a.onnx --external-data w.bin >/dev/null"), 0);
    assert_int_equal(shell("$B compare $M/bn_flatten_gemm.onnx a.onnx >/dev/null"), 0);
    assert_int_equal(shell("test ! -e w.bin && ls w.*.bin >/dev/null"), 0);
    /* But not what a second model refers to. */
    assert_int_equal(shell("cp a.onnx c.onnx; $B $M/trained_cnn.onnx -o a.onnx --no-check >/dev/null"), 0);
    assert_int_equal(shell("$B compare $M/bn_flatten_gemm.onnx c.onnx >/dev/null"), 0);
}

/* ---- faults ----------------------------------------------------------------------------------------------------- */

/* out.onnx and its data in the form `old` or `new`, with copies beside. */
static void make_pairs(void)
{
    assert_int_equal(
        shell("mkdir new old; $B $M/bn_flatten_gemm.onnx -o new/out.onnx --external-data w.bin >/dev/null"), 0);
    assert_int_equal(shell("$B $M/trained_cnn.onnx -o old/out.onnx --external-data w.bin --no-check >/dev/null"), 0);
    assert_int_equal(
        shell("cp -r old try; cd try; $B $M/bn_flatten_gemm.onnx -o out.onnx --external-data w.bin >/dev/null; "
              "cd ..; rm -rf new; mv try new; ls new > new.names; ls old > old.names"),
        0);
    assert_int_equal(shell("cmp -s new.names old.names"), 1);
}

/* Whether try/ holds this pair whole; there may be other files. */
static bool holds(const char *pair)
{
    return shell("for f in $(cat %s.names); do cmp -s %s/$f try/$f || exit 1; done", pair, pair) == 0;
}

static int write_with(const char *how, unsigned long at)
{
    assert_int_equal(shell("rm -rf try; cp -r old try"), 0);
    return shell("cd try; BNFUSE_STOP=%lu BNFUSE_STOP_HOW=%s LD_PRELOAD=%s ASAN_OPTIONS=verify_asan_link_order=0 "
                 "$B $M/bn_flatten_gemm.onnx -o out.onnx --external-data w.bin >/dev/null 2>&1",
                 at, how, getenv("BNFUSE_STOP_LIBRARY"));
}

static void assert_pair_after(const char *how, unsigned long at, int status)
{
    bool is_old = holds("old"), is_new = holds("new"), is_right = status == 0 ? is_new : is_old && !is_new;
    if (!strcmp(how, "kill")) is_right = is_old || is_new;
    if (!is_right) print_error("%s at %lu: status %d, old %d, new %d\n", how, at, status, is_old, is_new);
    assert_true(is_right);
    if (strcmp(how, "kill") != 0 && status != 0) assert_int_equal(shell("test $(ls -A try | wc -l) = 2"), 0);
}

static void every_call_that_fails_leaves_a_pair(void **state)
{
    (void)state;
    static const char *const ways[] = { "fail", "short", "kill" };
    make_pairs();
    for (size_t way = 0; way < 3; way++) {
        unsigned long failed = 0;
        for (unsigned long at = 1; at < 40; at++) {
            int status = write_with(ways[way], at);
            assert_pair_after(ways[way], at, status);
            failed += status != 0;
        }
        if (way != 1) assert_true(failed >= 4);
    }
}

static pid_t start(const char *model)
{
    pid_t child = fork();
    if (child) return child;
    char path[1000];
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    dup2(null, 2);
    snprintf(path, sizeof path, "%s/%s.onnx", getenv("BNFUSE_MODELS"), model);
    if (chdir("try")) _exit(99);
    execl(getenv("BNFUSE_PROGRAM"), "bnfuse", path, "-o", "out.onnx", "--external-data", "w.bin", "--no-check",
          (char *)NULL);
    _exit(99);
}

static unsigned long rounds(unsigned long usual)
{
    const char *text = getenv("BNFUSE_ROUNDS");
    return text ? strtoul(text, NULL, 10) : usual;
}

static void a_kill_at_any_instant_leaves_a_pair(void **state)
{
    (void)state;
    uint64_t random = 20;
    make_pairs();
    for (unsigned long i = 0; i < rounds(30); i++) {
        int status;
        assert_int_equal(shell("rm -rf try; cp -r old try"), 0);
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        const struct timespec pause = { .tv_nsec = (long)(random >> 33) % 12000000 };
        pid_t child = start("bn_flatten_gemm");
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(holds("old") || holds("new"));
    }
}

/* Both write the same model file, with other weights. */
static void two_writers_end_with_one_pair(void **state)
{
    (void)state;
    make_pairs();
    for (unsigned long i = 0; i < rounds(20); i++) {
        int status[2];
        assert_int_equal(shell("rm -rf try; cp -r old try"), 0);
        pid_t children[] = { start("bn_flatten_gemm"), start("conv_bn_double") };
        for (int k = 0; k < 2; k++) assert_int_equal(waitpid(children[k], &status[k], 0), children[k]);
        assert_true(status[0] == 0 || status[1] == 0);
        bool first = shell("$B compare $M/bn_flatten_gemm.onnx try/out.onnx >/dev/null 2>&1") == 0;
        bool second = shell("$B compare $M/conv_bn_double.onnx try/out.onnx >/dev/null 2>&1") == 0;
        assert_true(first != second);
        assert_int_equal(shell("ls -A try | grep -q '\\.tmp$'"), 1);
    }
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, open_folder, close_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(no_target_is_a_source_or_another_target),
        IN_FOLDER(results_are_replaced_by_whole_ones_only),
        IN_FOLDER(a_report_knows_what_cannot_be_written),
        IN_FOLDER(what_is_told_comes_before_what_is_done),
        IN_FOLDER(what_is_told_to_nobody_goes_into_no_file),
        IN_FOLDER(the_data_file_of_another_model_stays),
        IN_FOLDER(every_call_that_fails_leaves_a_pair),
        IN_FOLDER(a_kill_at_any_instant_leaves_a_pair),
        IN_FOLDER(two_writers_end_with_one_pair),
    };
    return cmocka_run_group_tests_name("commit", tests, NULL, NULL);
}
