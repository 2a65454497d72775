/* SPDX-License-Identifier: Apache-2.0
 *
 * The program from outside: exit statuses, one clear line for everything that can be wrong, no output file then, and an
 * input that nothing harms. */
#include "build.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_MAX = 1 << 20, ARGUMENT_MAX = 24 };

static struct build b;
static char home[PATH_MAX], directory[] = "cli_test.XXXXXX";
static const char *program;
static char out[TEXT_MAX], err[TEXT_MAX]; /* of the last run */

/* ---- a directory of its own for every test ---- */

static int open_directory(void **state)
{
    (void)state;
    strcpy(directory, "cli_test.XXXXXX");
    if (!getcwd(home, sizeof home) || !mkdtemp(directory) || chdir(directory) != 0) return 1;
    build_open(&b, 8, 13);
    return 0;
}

static int close_directory(void **state)
{
    (void)state;
    build_close(&b);
    DIR *here = opendir(".");
    for (struct dirent *entry; here && (entry = readdir(here));)
        if (*entry->d_name != '.') remove(entry->d_name);
    if (here) closedir(here);
    return chdir(home) != 0 || rmdir(directory) != 0;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static size_t count_files(void)
{
    size_t count = 0;
    DIR *here = opendir(".");
    assert_non_null(here);
    for (struct dirent *entry; (entry = readdir(here));)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(here);
    return count;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (size) assert_int_equal(fwrite(bytes, size, 1, file), 1);
    assert_int_equal(fclose(file), 0);
}

static size_t read_file(const char *path, char *to, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(to, 1, room - 1, file);
    to[size] = '\0';
    fclose(file);
    return size;
}

static void write_model(const char *path)
{
    size_t size;
    const void *bytes = build_bytes(&b, &size);
    write_file(path, bytes, size);
}

/* ---- running the program ---- */

/* What a run may not be given. */
struct hardship {
    rlim_t file_size;
    const char *out;
    bool closed_pipe;
    const char *piped; /* a small file that standard input is a pipe of */
};

/* Standard output without a reader. */
static int open_closed_pipe(void)
{
    int ends[2];
    if (pipe(ends) != 0) return -1;
    close(ends[0]);
    return ends[1];
}

static int open_output(struct hardship hardship)
{
    if (hardship.closed_pipe) return open_closed_pipe();
    return open(hardship.out ? hardship.out : ".out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
}

static int open_piped(const char *path)
{
    static char bytes[16 << 10];
    int ends[2], from = open(path, O_RDONLY);
    ssize_t size = read(from, bytes, sizeof bytes);
    if (pipe(ends) != 0 || size < 0 || write(ends[1], bytes, (size_t)size) != size) return -1;
    close(ends[1]);
    return ends[0];
}

static int run_under(struct hardship hardship, const char *line)
{
    char words[2000], *arguments[ARGUMENT_MAX] = { (char *)program };
    int count = 1;
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) arguments[count++] = word;
    arguments[count] = NULL;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int to = open_output(hardship);
        int errors = open(".err", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (dup2(to, 1) < 0 || dup2(errors, 2) < 0) _exit(99);
        if (hardship.piped && dup2(open_piped(hardship.piped), 0) < 0) _exit(99);
        signal(SIGXFSZ, SIG_DFL);
        signal(SIGPIPE, SIG_DFL);
        if (hardship.file_size) setrlimit(RLIMIT_FSIZE, &(struct rlimit){ hardship.file_size, hardship.file_size });
        execv(program, arguments);
        _exit(98);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    *out = *err = '\0';
    if (!hardship.out && !hardship.closed_pipe) read_file(".out", out, sizeof out);
    read_file(".err", err, sizeof err);
    remove(".out");
    remove(".err");
    return WEXITSTATUS(status);
}

static int run(const char *line)
{
    return run_under((struct hardship){ 0 }, line);
}

static void assert_ran(const char *line, int expected)
{
    int status = run(line);
    if (status != expected) print_message("bnfuse %s\n%s%s", line, out, err);
    assert_int_equal(status, expected);
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

static void assert_says(const char *text, const char *words)
{
    if (!strstr(text, words)) fail_msg("no \"%s\" in: %s", words, text);
}

/* One line that names the file; no output; the input as it was; nothing left behind. */
static void assert_same_bytes(const char *one, const char *other)
{
    static char first[TEXT_MAX], second[TEXT_MAX];
    size_t size = read_file(one, first, sizeof first);
    assert_int_equal(read_file(other, second, sizeof second), size);
    assert_memory_equal(first, second, size);
}

static void assert_refused(const char *input, const char *options, int status, const char *words)
{
    static char before[TEXT_MAX], after[TEXT_MAX];
    char line[400];
    bool there = exists(input);
    size_t size = there ? read_file(input, before, sizeof before) : 0, files = count_files();
    snprintf(line, sizeof line, "%s -o fused.onnx %s", input, options);
    assert_ran(line, status);
    assert_int_equal(count_lines(err), 1);
    assert_says(err, input);
    assert_says(err, words);
    assert_false(exists("fused.onnx"));
    assert_int_equal(count_files(), files);
    if (!there) return;
    assert_int_equal(read_file(input, after, sizeof after), size);
    assert_memory_equal(before, after, size);
}

/* ---- models ---- */

static void add_parameters(void)
{
    build_init_values(&b, "s", DTYPE_FLOAT, "4", (double[]){ 0.5, -2, 1.25, 3 });
    build_init_values(&b, "t", DTYPE_FLOAT, "4", (double[]){ 1, 0.25, -1.5, 2 });
    build_init_values(&b, "m", DTYPE_FLOAT, "4", (double[]){ 0.125, -0.25, 0.375, 0.5 });
    build_init_values(&b, "v", DTYPE_FLOAT, "4", (double[]){ 1, 0.5, 2, 0.25 });
}

/* One BatchNormalization that goes, one that stays behind the Relu. */
static void build_conv_bn_relu_bn(void)
{
    build_input(&b, "x", DTYPE_FLOAT, "2,3,6,5");
    build_init(&b, "w", DTYPE_FLOAT, "4,3,3,3", 7);
    add_parameters();
    build_node(&b, "Conv", "conv", "x w", "y", NULL);
    build_node(&b, "BatchNormalization", "bn", "y s t m v", "z", NULL);
    build_node(&b, "Relu", "relu", "z", "r", NULL);
    build_node(&b, "BatchNormalization", "late", "r s t m v", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, "2,4,4,3");
}

static void write_good(const char *path)
{
    build_conv_bn_relu_bn();
    write_model(path);
}

/* ---- fusing ---- */

static void a_good_model_is_fused_checked_and_written(void **state)
{
    (void)state;
    write_good("good.onnx");
    assert_ran("good.onnx -o fused.onnx", 0);
    assert_string_equal(err, "");
    assert_true(exists("fused.onnx"));
    assert_ran("compare good.onnx fused.onnx", 0);
    assert_ran("fused.onnx -o again.onnx", 0);
    assert_says(out, "verdict: identical\n");
}

/* A weight of which one element, in the second half of the file's run, is near the end of its type; another that is
 * not. */
static void write_weight_that_overflows(enum dtype type, double largest)
{
    static double values[16 * 16 * 9];
    char to[16];
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) values[i] = 0.5;
    values[1700] = largest;
    build_input(&b, "x", DTYPE_FLOAT, "1,16,3,3");
    snprintf(to, sizeof to, "to=%d", (int)type);
    build_node(&b, "Cast", "from", "x", "c", to);
    build_init_values(&b, "w", type, "16,16,3,3", values);
    build_init(&b, "u", type, "16,16,3,3", 3);
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 16; k++) values[k] = i == 0 ? 2 : i != 2;
        build_init_values(&b, (const char *[]){ "s", "t", "m", "v" }[i], type, "16", values);
    }
    build_node(&b, "Conv", "large", "c w", "y", "pads=1,1,1,1");
    build_node(&b, "BatchNormalization", "stays", "y s t m v", "z", NULL);
    build_node(&b, "Sigmoid", "sigmoid", "z", "r", NULL);
    build_node(&b, "Conv", "small", "r u", "q", "pads=1,1,1,1");
    build_node(&b, "BatchNormalization", "goes", "q s t m v", "o", NULL);
    build_node(&b, "Cast", "to", "o", "out", "to=1");
    build_output(&b, "out", DTYPE_FLOAT, "1,16,3,3");
    write_model("large.onnx");
}

static void a_fold_that_the_writer_finds_to_overflow_is_not_made(void **state)
{
    static const struct {
        enum dtype type;
        double largest;
    } rows[] = { { DTYPE_FLOAT, 3e38 }, { DTYPE_FLOAT16, 60000 }, { DTYPE_DOUBLE, 1e308 }, { DTYPE_BFLOAT16, 3e38 } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_weight_that_overflows(rows[i].type, rows[i].largest);
        assert_ran("large.onnx -o fused.onnx --check=quick", 0);
        assert_says(out, "1 BatchNormalization is gone");
        assert_says(out, "its weight would leave");
        assert_null(strstr(out, "weights were not read"));
        assert_ran("large.onnx -o fused.onnx --no-check", 0);
        assert_says(out, "1 BatchNormalization is gone");
        assert_says(out, "its weight would leave");
        assert_null(strstr(out, "weights were not read"));
        assert_int_equal(count_files(), 2);
        assert_ran("fused.onnx --no-check -o again.onnx", 0);
        assert_says(out, "0 of 1 BatchNormalizations gone");
        assert_ran("large.onnx -o fused.onnx --no-check --require 2", 5);
        assert_ran("explain large.onnx", 0);
        assert_says(out, "weights were not read");
        assert_int_equal(remove("fused.onnx") | remove("again.onnx"), 0);
        build_close(&b);
        build_open(&b, 8, 22); /* where Conv takes bfloat16 */
    }
}

static void a_fold_crosses_a_concat_of_thousands(void **state)
{
    enum { COUNT = 2500 };
    static char list[8 * COUNT], name[8];
    size_t length = 0;
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "1,1,2,2");
    build_init(&b, "w", DTYPE_FLOAT, "1,1,1,1", 1);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "c%d", i);
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", i ? " " : "", name);
        build_node(&b, "Conv", name, "x w", name, NULL);
    }
    build_node(&b, "Concat", "join", list, "y", "axis=1");
    for (int i = 0; i < 4; i++)
        build_init_values(&b, (const char *[]){ "s", "t", "m", "v" }[i], DTYPE_FLOAT, "2500", (double[COUNT]){ 1, 2 });
    build_node(&b, "BatchNormalization", "bn", "y s t m v", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, "1,2500,2,2");
    write_model("wide.onnx");
    assert_ran("wide.onnx -o fused.onnx --no-check", 0);
    assert_says(out, "The BatchNormalization is gone");
}

static const char *last_line(const char *text)
{
    const char *last = text;
    for (const char *at = text; *at; at++)
        if (*at == '\n' && at[1]) last = at + 1;
    return last;
}

static void the_verdict_is_the_last_line(void **state)
{
    (void)state;
    write_good("good.onnx");
    assert_ran("good.onnx -o fused.onnx", 0);
    assert_string_equal(last_line(out), "verdict: pass\n");
    assert_ran("good.onnx -o fused.onnx --quiet", 0);
    assert_string_equal(out, "verdict: pass\n");
    assert_ran("good.onnx -o fused.onnx --no-check -q", 0);
    assert_string_equal(out, "verdict: not checked\n");
}

static void every_batch_normalization_gets_one_line(void **state)
{
    (void)state;
    write_good("good.onnx");
    assert_ran("good.onnx", 0);
    assert_says(out, "1 BatchNormalization is gone");
    assert_says(out, "bn late");
    assert_null(strstr(out, "bn bn "));
    assert_ran("good.onnx -v", 0);
    size_t about_bn = 0, about_late = 0;
    for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
        about_bn += strncmp(line, "bn bn ", 6) == 0;
        about_late += strncmp(line, "bn late ", 8) == 0 && strstr(line, "BNF106") && strstr(line, "relu");
    }
    assert_int_equal(about_bn, 1);
    assert_int_equal(about_late, 1);
}

static void equal_hints_are_given_once(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "2,3,6,5");
    build_init(&b, "w", DTYPE_FLOAT, "4,3,3,3", 7);
    add_parameters();
    build_input(&b, "s", DTYPE_FLOAT, "4");
    build_node(&b, "Conv", "conv1", "x w", "y1", NULL);
    build_node(&b, "BatchNormalization", "bn1", "y1 s t m v", "z1", NULL);
    build_node(&b, "Conv", "conv2", "x w", "y2", NULL);
    build_node(&b, "BatchNormalization", "bn2", "y2 s t m v", "z2", NULL);
    build_output(&b, "z1", DTYPE_FLOAT, "2,4,4,3");
    build_output(&b, "z2", DTYPE_FLOAT, "2,4,4,3");
    write_model("two.onnx");
    assert_ran("two.onnx", 0);
    const char *hint = strstr(out, "hint:");
    assert_non_null(hint);
    assert_null(strstr(hint + 1, "hint:"));
    assert_says(hint, "--freeze-weights");
    assert_says(out, "BNF105");
    assert_ran("two.onnx --freeze-weights --require 2", 0);
}

static void a_model_may_be_replaced_by_its_fused_self(void **state)
{
    (void)state;
    write_good("good.onnx");
    write_good("copy.onnx");
    assert_ran("good.onnx -o good.onnx", 0);
    assert_int_equal(count_files(), 2);
    assert_ran("explain good.onnx", 0);
    assert_says(out, "0 of 1 BatchNormalizations can go");
}

/* The shift is left over at two places, three times; the BatchNormalization is at H, or at what `first` leaves of
 * it. */
static void write_work_by_height(const char *path, const char *first, const char *attributes)
{
    build_input(&b, "x", DTYPE_FLOAT, "N,3,H");
    for (const char *name = "stmv"; *name; name++)
        build_init_values(&b, (char[]){ *name, 0 }, DTYPE_FLOAT, "3", (double[]){ 1, 0.5, 2 });
    build_init_values(&b, "i", DTYPE_INT64, "2", (double[]){ 0, 1 });
    build_node(&b, first, "first", "x", "r", attributes);
    build_node(&b, "BatchNormalization", "bn", "r s t m v", "y", NULL);
    build_node(&b, "Transpose", "", "y", "q", "perm=0,2,1");
    build_node(&b, "Gather", "", "q i", "g", "axis=1");
    for (const char *name = "abc"; *name; name++) {
        char weight[] = { 'w', *name, 0 }, inputs[] = { 'g', ' ', 'w', *name, 0 };
        build_init(&b, weight, DTYPE_FLOAT, "3,40", (uint64_t)*name);
        build_node(&b, "MatMul", "", inputs, (char[]){ *name, 0 }, NULL);
        build_output(&b, (char[]){ *name, 0 }, DTYPE_FLOAT, "N,2,40");
    }
    write_model(path);
}

static void a_size_that_decides_what_is_less_work_is_asked_for(void **state)
{
    (void)state;
    write_work_by_height("height.onnx", "Relu", NULL);
    assert_ran("explain height.onnx", 0);
    assert_says(out, "inputs leave open: --dim H=N");
    assert_says(out, "    tried  upstream: Relu (BNF106) a neighbor that scale and shift cannot cross\n"
                     "           downstream: Transpose -> Gather -> MatMul -> MatMul -> MatMul (BNF121) folding would "
                     "leave more work than it removes\n");
    assert_ran("explain height.onnx --json", 0);
    assert_says(out, "\"code\": \"BNF106\"");
    assert_says(out, "\"code\": \"BNF121\"");
    assert_ran("explain height.onnx --dim N=100", 0);
    assert_says(out, "inputs leave open: --dim H=N");
    assert_ran("explain height.onnx --dim H=4", 0);
    assert_says(out, "3 nodes would be left over\n");
    assert_ran("explain height.onnx --dim H=1000", 0);
    assert_says(out, "1 of 1 BatchNormalizations can go");
    assert_ran("height.onnx -o fused.onnx --dim H=50 --strict", 0);
}

static void sizes_that_follow_from_a_named_one_count(void **state)
{
    (void)state;
    write_work_by_height("half.onnx", "MaxPool", "kernel_shape=2, strides=2,");
    assert_ran("explain half.onnx", 0);
    assert_says(out, "inputs leave open: --dim H=N");
    assert_ran("explain half.onnx --dim H=5", 0);
    assert_says(out, "3 nodes would be left over\n");
    assert_ran("explain half.onnx --dim H=100", 0);
    assert_says(out, "1 of 1 BatchNormalizations can go");
}

/* An average over the whole plane, whose size an input says that callers can replace. */
static void write_plane_by_input(const char *path)
{
    build_input(&b, "x", DTYPE_FLOAT, "2,16");
    build_input(&b, "k", DTYPE_INT64, "4");
    build_init_values(&b, "k", DTYPE_INT64, "4", (double[]){ 2, 4, 2, 2 });
    for (const char *name = "stmv"; *name; name++)
        build_init_values(&b, (char[]){ *name, 0 }, DTYPE_FLOAT, "4", (double[]){ 1, 0.5, 2, 3 });
    build_init(&b, "w", DTYPE_FLOAT, "4,4,1,1", 5);
    build_init(&b, "u", DTYPE_FLOAT, "3,4,1,1", 6);
    build_init(&b, "c", DTYPE_FLOAT, "3", 7);
    build_node(&b, "Reshape", "", "x k", "p", NULL);
    build_node(&b, "BatchNormalization", "bn", "p s t m v", "q", NULL);
    build_node(&b, "Conv", "", "q w", "y", "pads=0,0,2,0");
    build_node(&b, "GlobalAveragePool", "", "y", "a", NULL);
    build_node(&b, "Conv", "", "a u c", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, "2,3,1,1");
    write_model(path);
}

static void sites_are_proven_at_sizes_that_were_frozen(void **state)
{
    (void)state;
    write_plane_by_input("plane.onnx");
    assert_ran("explain plane.onnx", 0);
    assert_says(out, "BNF110");
    assert_ran("plane.onnx -o fused.onnx --freeze-weights --check=quick --strict", 0);
    assert_ran("plane.onnx -o fused.onnx --freeze-weights --check=full", 0);
}

/* Conv, Mul, Add; a Mul behind a Relu; and one whose output Erf reads. */
static void write_affines(const char *path)
{
    build_input(&b, "x", DTYPE_FLOAT, "2,3,6,6");
    build_init(&b, "w", DTYPE_FLOAT, "4,3,1,1", 3);
    build_init(&b, "k", DTYPE_FLOAT, "4,1,1", 4);
    build_node(&b, "Conv", "", "x w", "c", NULL);
    build_node(&b, "Mul", "", "c k", "d", NULL);
    build_node(&b, "Add", "", "d k", "e", NULL);
    build_node(&b, "Relu", "", "e", "f", NULL);
    build_node(&b, "Mul", "", "f k", "g", NULL);
    build_node(&b, "Erf", "", "g", "h", NULL);
    build_node(&b, "Div", "", "h k", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, "2,4,6,6");
    write_model(path);
}

static void affines_are_counted_by_what_became_of_them(void **state)
{
    (void)state;
    write_affines("affines.onnx");
    assert_ran("explain affines.onnx", 0);
    assert_says(out, "1 affine chain folded without a BatchNormalization; 2 Mul");
    assert_says(out, "2 affine nodes stay: BNF123 a part of what runtimes recognize");
    assert_ran("explain affines.onnx --json", 0);
    assert_says(out, "\"chains_folded\": 1");
    assert_says(out, "\"count\": 2");
    assert_ran("explain affines.onnx --disable affine", 0);
    assert_null(strstr(out, "affine"));
}

static void standard_output_takes_the_model_and_nothing_else(void **state)
{
    (void)state;
    static char direct[TEXT_MAX], piped[TEXT_MAX];
    write_good("good.onnx");
    assert_ran("good.onnx -o fused.onnx", 0);
    size_t size = read_file("fused.onnx", direct, sizeof direct);
    assert_int_equal(run_under((struct hardship){ .out = "piped.onnx" }, "good.onnx -o -"), 0);
    assert_int_equal(read_file("piped.onnx", piped, sizeof piped), size);
    assert_memory_equal(direct, piped, size);
    assert_says(err, "verdict: pass");
    assert_ran("good.onnx -o - --json", 2);
}

static void policies_end_with_five_and_write_nothing(void **state)
{
    (void)state;
    write_good("good.onnx");
    assert_refused("good.onnx", "--require 2", 5, "--require");
    assert_ran("good.onnx -o fused.onnx --require 1", 0);
    remove("fused.onnx");
    build_close(&b);
    build_open(&b, 8, 13);
    build_conv_bn_relu_bn();
    build_input(&b, "s", DTYPE_FLOAT, "4");
    write_model("overridable.onnx");
    assert_refused("overridable.onnx", "--strict", 5, "--strict");
}

static void the_level_that_decided_is_printed(void **state)
{
    (void)state;
    write_good("levels.onnx");
    assert_ran("levels.onnx -o fused.onnx --check=quick", 0);
    assert_says(out, "check: quick, ");
    assert_says(last_line(out), "verdict: pass (sites only: ");
    assert_ran("levels.onnx -o fused.onnx", 0);
    assert_says(out, "check: standard, ");
    assert_ran("levels.onnx -o fused.onnx --check=full", 0);
    assert_says(out, "check: full, ");
    assert_ran("levels.onnx --check=none", 2);
}

static void what_only_its_sites_prove_is_written_unless_all_is_wanted(void **state)
{
    (void)state;
    build_import(&b, "custom", 1);
    build_input(&b, "x", DTYPE_FLOAT, "2,3,6,5");
    build_init(&b, "w", DTYPE_FLOAT, "4,3,3,3", 7);
    add_parameters();
    build_node(&b, "Conv", "conv", "x w", "y", NULL);
    build_node(&b, "BatchNormalization", "bn", "y s t m v", "z", NULL);
    build_node(&b, "custom.Mystery", "who", "z", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, "2,4,4,3");
    write_model("custom.onnx");
    assert_refused("custom.onnx", "--check=full", 4, "Mystery");
    assert_ran("custom.onnx -o fused.onnx", 0);
    assert_says(last_line(out), "verdict: pass (sites only: ");
    assert_says(last_line(out), "Mystery");
    assert_true(exists("fused.onnx"));
}

static void a_cut_short_patience_ends_with_124(void **state)
{
    (void)state;
    write_good("good.onnx");
    assert_ran("good.onnx -o fused.onnx --timeout 0.000001", 124);
    assert_int_equal(count_lines(err), 1);
    assert_false(exists("fused.onnx"));
}

/* ---- bad input ---- */

static void a_file_that_is_no_protobuf_is_invalid(void **state)
{
    (void)state;
    write_file("text.onnx", "this is no model\n", 17);
    assert_refused("text.onnx", "", 3, "text.onnx");
    write_file("empty.onnx", "", 0);
    assert_refused("empty.onnx", "", 3, "empty.onnx");
}

static void a_truncated_model_is_invalid(void **state)
{
    (void)state;
    size_t size;
    build_conv_bn_relu_bn();
    const char *bytes = build_bytes(&b, &size);
    write_file("short.onnx", bytes, size / 2);
    assert_refused("short.onnx", "", 3, "short.onnx");
}

static void a_cycle_is_invalid_and_names_a_node(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "2,3");
    build_node(&b, "Add", "first", "x q", "p", NULL);
    build_node(&b, "Relu", "second", "p", "q", NULL);
    build_output(&b, "q", DTYPE_FLOAT, "2,3");
    write_model("cycle.onnx");
    assert_refused("cycle.onnx", "", 3, "cycle");
    assert_true(strstr(err, "first") || strstr(err, "second"));
}

static void a_missing_tensor_is_invalid_and_named(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "2,3,6,5");
    build_node(&b, "Conv", "conv", "x nowhere", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "2,4,4,3");
    write_model("missing.onnx");
    assert_refused("missing.onnx", "", 3, "nowhere");
}

static void a_tensor_shorter_than_its_shape_is_invalid_and_named(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "2,3,6,5");
    BnfuseOnnx__TensorProto *weight = build_init(&b, "w", DTYPE_FLOAT, "4,3,3,3", 7);
    weight->dims[0] = 40;
    build_node(&b, "Conv", "conv", "x w", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "2,4,4,3");
    write_model("shape.onnx");
    assert_refused("shape.onnx", "", 3, "\"w\"");
}

static void an_unknown_opset_is_unsupported_and_named(void **state)
{
    (void)state;
    build_close(&b);
    build_open(&b, 8, 999);
    write_good("future.onnx");
    assert_refused("future.onnx", "", 4, "999");
    assert_ran("explain future.onnx", 0);
    assert_says(out, "BNF120");
}

static void what_cannot_be_read_is_a_matter_of_usage(void **state)
{
    (void)state;
    assert_refused("absent.onnx", "", 2, "absent.onnx");
    assert_int_equal(mkdir("folder.onnx", 0700), 0);
    assert_ran("folder.onnx -o fused.onnx", 2);
    assert_int_equal(count_lines(err), 1);
    assert_says(err, "folder.onnx");
    if (geteuid() == 0) return; /* nothing is unreadable to root */
    write_good("secret.onnx");
    chmod("secret.onnx", 0);
    assert_ran("secret.onnx -o fused.onnx", 2);
    assert_says(err, "secret.onnx");
}

/* A limit on the size of files stands for a disk that is full. */
static void a_full_disk_leaves_nothing_behind(void **state)
{
    (void)state;
    static char before[TEXT_MAX], after[TEXT_MAX];
    /* Room for what else a program leaves: counts of what was run (BNFUSE_COVERAGE). */
    const struct hardship full = { .file_size = 100000, .out = "/dev/null" };
    build_init(&b, "other", DTYPE_FLOAT, "40000", 1);
    build_node(&b, "Identity", NULL, "other", "same", NULL);
    build_output(&b, "same", DTYPE_FLOAT, "40000");
    write_good("good.onnx");
    size_t size = read_file("good.onnx", before, sizeof before);
    assert_int_equal(run_under(full, "good.onnx -o fused.onnx -q"), 2);
    assert_int_equal(count_lines(err), 1);
    assert_false(exists("fused.onnx"));
    assert_int_equal(count_files(), 1);
    assert_int_equal(run_under(full, "good.onnx -o good.onnx -q"), 2);
    assert_int_equal(read_file("good.onnx", after, sizeof after), size);
    assert_memory_equal(before, after, size);
    assert_int_equal(count_files(), 1);
}

static void a_full_standard_output_is_noticed(void **state)
{
    (void)state;
    if (!exists("/dev/full")) skip();
    write_good("good.onnx");
    assert_int_equal(run_under((struct hardship){ .out = "/dev/full" }, "good.onnx --json"), 2);
    assert_int_equal(run_under((struct hardship){ .out = "/dev/full" }, "good.onnx -o - -q"), 2);
    assert_int_equal(run_under((struct hardship){ .out = "/dev/full" }, "--help"), 2);
}

/* bnfuse ... | head: a reader that has read enough is no error, unless it was to read the model. */
static void a_reader_that_is_gone_is_an_error_of_the_model_only(void **state)
{
    (void)state;
    static const char *const lines[] = { "good.onnx --json", "good.onnx -v",
                                         "--help",           "reasons",
                                         "print good.onnx",  "good.onnx good.onnx/../good.onnx --jsonl -",
                                         "explain good.onnx" };
    const struct hardship no_reader = { .closed_pipe = true };
    write_good("good.onnx");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        run_under(no_reader, lines[i]);
        assert_null(strstr(err, "standard output"));
        assert_null(strstr(err, "pipe"));
    }
    assert_int_equal(run_under(no_reader, "good.onnx -o fused.onnx"), 0);
    assert_true(exists("fused.onnx"));
    assert_int_equal(run_under(no_reader, "good.onnx -o - -q"), 2);
    assert_says(err, "standard output: cannot");
    assert_int_equal(count_files(), 2);
}

/* The BatchNormalization is folded and right, but nobody has the memory to see the end of it: its site alone is
 * proven. */
static void a_check_that_does_not_fit_the_memory_is_one_of_the_sites(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "2,3,6,5");
    build_init(&b, "w", DTYPE_FLOAT, "4,3,3,3", 7);
    add_parameters();
    build_init_values(&b, "times", DTYPE_INT64, "4", (double[]){ 1, 1, 1000, 10000 });
    build_node(&b, "Conv", "conv", "x w", "y", NULL);
    build_node(&b, "BatchNormalization", "bn", "y s t m v", "z", NULL);
    build_node(&b, "Tile", "many", "z times", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, NULL);
    write_model("tiled.onnx");
    assert_ran("tiled.onnx --memory 32MiB", 0);
    assert_says(out, "verdict: pass (sites only: Tile \"many\": out of memory");
    assert_says(out, "--memory allows more");
    assert_refused("tiled.onnx", "--memory 32MiB --check=full", 4, "many");
    ((float *)b.model->graph->initializer[0]->raw_data.data)[0] += 1;
    write_model("other.onnx");
    assert_ran("compare tiled.onnx other.onnx --memory 32MiB", 4);
}

/* Also where the command line is wrong in another way that is found first. */
static void standard_output_takes_one_report(void **state)
{
    (void)state;
    assert_ran("compare a.onnx b.onnx --json --jsonl - --output-dir x", 2);
    assert_says(out, "schema_version");
    assert_null(strstr(strstr(out, "schema_version") + 1, "schema_version"));
}

/* A megabyte of zeros: a TensorProto of 512 x 512 floats. */
static void write_large_input(const char *path)
{
    static uint8_t bytes[12 + (1 << 20)] = { 8, 0x80, 4, 8, 0x80, 4, 16, 1, 0x4a, 0x80, 0x80, 0x40 };
    write_file(path, bytes, sizeof bytes);
}

/* Of a file that small nobody expects it to take gigabytes; with a limit of one's own it may. */
static void a_small_model_gets_little_memory(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "2,3,6,5");
    build_init(&b, "w", DTYPE_FLOAT, "4,3,3,3", 7);
    add_parameters();
    build_init_values(&b, "size", DTYPE_INT64, "1", (double[]){ 1 << 29 });
    build_node(&b, "Conv", "conv", "x w", "y", NULL);
    build_node(&b, "BatchNormalization", "bn", "y s t m v", "z", NULL);
    build_node(&b, "ConstantOfShape", "zeros", "size", "many", NULL);
    build_node(&b, "ReduceMax", "max", "many", "out", NULL);
    build_output(&b, "z", DTYPE_FLOAT, NULL);
    build_output(&b, "out", DTYPE_FLOAT, NULL);
    write_model("filled.onnx");
    assert_ran("filled.onnx", 0);
    assert_says(out, "verdict: pass (sites only: ConstantOfShape \"zeros\": out of memory");
    assert_int_equal(run_under((struct hardship){ .piped = "filled.onnx" }, "- -o piped.onnx"), 0);
    assert_says(out, "verdict: pass (sites only: ConstantOfShape \"zeros\": out of memory");
}

static void inputs_count_against_the_memory(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "512,512");
    build_node(&b, "Relu", "r", "x", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, NULL);
    write_model("relu.onnx");
    write_large_input("x.pb");
    assert_ran("run relu.onnx --input x=x.pb -o y.npy --memory 500K", 70);
    assert_says(err, "x.pb: out of memory");
    assert_ran("run relu.onnx --input x=x.pb -o y.npy --memory 2M", 70);
    assert_ran("run relu.onnx --input x=x.pb -o y.npy --memory 16M", 0);
    assert_int_equal(mkdir("sets", 0700), 0);
    for (int i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof path, "sets/test_data_set_%d", i);
        assert_int_equal(mkdir(path, 0700), 0);
        strcat(path, "/input_0.pb");
        write_large_input(path);
    }
    assert_ran("compare relu.onnx relu.onnx --data sets --memory 900K", 70);
    assert_says(err, "sets/test_data_set_0: out of memory");
    assert_int_equal(system("rm -r sets"), 0);
}

/* 64 KiB each: a TensorProto of 64 x 4 x 8 x 8 floats that are 0, 1, 2, ... or, in the last set, infinite. */
static void write_sets(int count, bool last_is_infinite)
{
    static uint8_t bytes[14 + (64 << 10)] = { 8, 64, 8, 4, 8, 8, 8, 8, 16, 1, 0x4a, 0x80, 0x80, 4 };
    char path[64];
    assert_int_equal(mkdir("sets", 0700), 0);
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < 64 << 8; k++) {
            float x = i == count - 1 && last_is_infinite ? INFINITY : (float)((k + i) % 7);
            memcpy(bytes + 14 + 4 * k, &x, sizeof x);
        }
        snprintf(path, sizeof path, "sets/test_data_set_%03d", i);
        assert_int_equal(mkdir(path, 0700), 0);
        strcat(path, "/input_0.pb");
        write_file(path, bytes, sizeof bytes);
    }
}

/* All 100 at once would be 6.25 MiB. */
static void of_many_sets_one_is_in_memory(void **state)
{
    static const char *const lines[] = {
        "many.onnx -o fused.onnx --check=full --data sets --memory 4M",
        "compare many.onnx fused.onnx --data sets --memory 4M",
        "run many.onnx --data sets --memory 4M",
        "calibrate many.onnx -o new.onnx --data sets --memory 4M",
    };
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "64,4,8,8");
    build_init(&b, "w", DTYPE_FLOAT, "4,4,1,1", 7);
    add_parameters();
    build_node(&b, "Conv", "conv", "x w", "y", NULL);
    build_node(&b, "BatchNormalization", "bn", "y s t m v", "z", NULL);
    build_output(&b, "z", DTYPE_FLOAT, NULL);
    write_model("many.onnx");
    write_sets(100, true);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) assert_ran(lines[i], i == 3 ? 4 : 0);
    assert_says(err, "not finite"); /* the last is read, too */
    assert_ran("calibrate many.onnx -o new.onnx --data sets --samples 99", 0);
    assert_says(out, "calibrated on 99 sets");
    assert_ran("compare many.onnx fused.onnx --data sets --samples 3 --json", 0);
    assert_says(out, "\"sets\": 3");
    assert_int_equal(truncate("sets/test_data_set_050/input_0.pb", 1000), 0);
    assert_ran("compare many.onnx fused.onnx --data sets", 2);
    assert_says(err, "test_data_set_050");
    /* Also where nothing needs them. */
    assert_ran("many.onnx -o unchecked.onnx --data sets --no-check", 2);
    assert_says(err, "test_data_set_050");
    assert_int_equal(system("rm -r sets"), 0);
}

static void names_with_control_characters_reach_no_terminal(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "2,4,6,5");
    add_parameters();
    build_node(&b, "Relu", "a", "x", "r", NULL)->name = arena_copy_text(&b.arena, "evil\x1b[31m\nname");
    build_node(&b, "BatchNormalization", "b", "r s t m v", "z", NULL)->name = arena_copy_text(&b.arena, "bn\x1b]0;\a");
    build_output(&b, "z", DTYPE_FLOAT, "2,4,6,5");
    write_model("evil.onnx");
    static const char *const lines[] = { "evil.onnx", "explain evil.onnx", "evil.onnx --json",
                                         "evil.onnx --junit r.xml --markdown r.md --html r.html" };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_ran(lines[i], 0);
        assert_null(strpbrk(out, "\x1b\a"));
        assert_null(strpbrk(err, "\x1b\a"));
    }
    static const char *const reports[] = { "r.xml", "r.md", "r.html" };
    for (size_t i = 0; i < 3; i++) {
        assert_true(read_file(reports[i], out, sizeof out) > 0);
        assert_null(strpbrk(out, "\x1b\a"));
    }
}

/* What a CI takes for a command: at the beginning of a line, or anywhere. */
static void assert_no_command(const char *text)
{
    assert_null(strstr(text, "##"));
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += strspn(line, " \t\n");
        if (strncmp(line, "::", 2) == 0) fail_msg("a command: %s", line);
    }
}

/* In names as in the words of a remark and the message of an error, which were escaped before. */
static void a_backslash_is_escaped_once_in_every_report(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name, *text;
    } reports[] = {
        { "r.xml", "b\\\\q\\x7fn", "s\\\\g, Sigmoid" },
        { "r.html", "b\\\\q\\x7fn", "s\\\\g, Sigmoid" },
        { "r.md", "b\\\\\\\\q\\\\x7fn", "s\\\\\\\\g, Sigmoid" }, /* Markdown shows two backslashes as one */
        { "r.jsonl", "b\\\\q\\u007fn", "s\\\\g" },
    };
    build_input(&b, "x", DTYPE_FLOAT, "2,4,6,5");
    add_parameters();
    build_node(&b, "Sigmoid", "s\\g", "x", "y", NULL);
    build_node(&b, "BatchNormalization", "b\\q\x7fn", "y s t m v", "z", NULL);
    build_output(&b, "z", DTYPE_FLOAT, "2,4,6,5");
    write_model("said.onnx");
    assert_ran("said.onnx --junit r.xml --markdown r.md --html r.html --jsonl r.jsonl", 0);
    for (size_t i = 0; i < sizeof reports / sizeof *reports; i++) {
        static char text[TEXT_MAX];
        read_file(reports[i].path, text, sizeof text);
        assert_says(text, reports[i].text);
        assert_null(strchr(text, 0x7f));
        if (i != 1) assert_says(text, reports[i].name); /* where pictures break names into lines */
    }
}

static void names_speak_no_command_to_a_ci(void **state)
{
    (void)state;
    static const char *const names[] = { "::error title=x::y", "::stop-commands::t",
                                         "##[error]x",         "##vso[task.complete]b",
                                         "##teamcity[x]",      "x ##vso[a]b",
                                         "@someone",           "http://x.example" };
    static const char *const lines[] = { "said.onnx", "explain said.onnx", "run said.onnx",
                                         "said.onnx --no-check --dim q",
                                         "said.onnx --junit r.xml --markdown r.md --html r.html" };
    static const char *const reports[] = { "r.xml", "r.md", "r.html" };
    build_input(&b, "x", DTYPE_FLOAT, "2,4,6,5");
    add_parameters();
    const char *from = "x";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *value = arena_printf(&b.arena, "::v%zu", i);
        BnfuseOnnx__NodeProto *relu = build_node(&b, "Relu", names[i], "_", value, NULL);
        relu->input[0] = arena_copy_text(&b.arena, from);
        BnfuseOnnx__NodeProto *bn = build_node(&b, "BatchNormalization", names[i], "_ s t m v", value, NULL);
        bn->input[0] = value;
        bn->output[0] = arena_copy_text(&b.arena, names[i]);
        from = names[i];
    }
    build_output(&b, from, DTYPE_FLOAT, "2,4,6,5");
    write_model("said.onnx");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        run(lines[i]);
        assert_no_command(out);
        assert_no_command(err);
    }
    for (size_t i = 0; i < sizeof reports / sizeof *reports; i++) {
        assert_true(read_file(reports[i], out, sizeof out) > 0);
        assert_no_command(i == 1 && strncmp(out, "## ", 3) == 0 ? out + 3 : out);
        if (i == 1) assert_null(strstr(out, "@some"));
        if (i == 1) assert_null(strstr(out, "://"));
    }
}

/* ---- many models ---- */

static const char *read_out(const char *path)
{
    read_file(path, out, sizeof out);
    return out;
}

static void remove_all(const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++) assert_int_equal(remove(paths[i]), 0);
}

static void one_broken_model_does_not_stop_the_others(void **state)
{
    (void)state;
    write_good("a.onnx");
    write_file("b.onnx", "this is no model\n", 17);
    write_model("c.onnx");
    assert_int_equal(mkdir("to", 0700), 0);
    assert_ran("a.onnx b.onnx c.onnx --out-dir to --junit r.xml", 3);
    assert_says(out, "model a.onnx: pass; 1 of 2 BatchNormalizations gone; to/a.onnx written\n");
    assert_says(out, "model b.onnx: not an ONNX model");
    assert_says(out, "model c.onnx: pass");
    assert_says(out, "total: 3 models, 2 good, 1 not; exit status 3\n");
    assert_int_equal(count_lines(err), 1);
    assert_true(exists("to/a.onnx") && !exists("to/b.onnx") && exists("to/c.onnx"));
    assert_says(read_out("r.xml"), "classname=\"b.onnx.verdict\"");
    assert_ran("a.onnx b.onnx c.onnx -q", 3);
    assert_says(out, "model a.onnx: pass\nmodel b.onnx: not an ONNX model");
    static const char *const made[] = { "to/a.onnx", "to/c.onnx", "to" };
    remove_all(made, 3);
}

/* Policy, then what cannot be checked, is not valid, cannot be read; a difference is worse than those. */
static void the_worst_status_of_many_wins(void **state)
{
    (void)state;
    write_good("good.onnx");
    write_file("text.onnx", "this is no model\n", 17);
    assert_ran("good.onnx --require 2", 5);
    assert_ran("good.onnx text.onnx --require 2", 3);
    assert_ran("text.onnx good.onnx --require 2", 3);
    assert_ran("text.onnx good.onnx absent.onnx --require 2", 2);
}

static void names_that_would_collide_are_refused_before_work(void **state)
{
    (void)state;
    write_good("a.onnx");
    assert_int_equal(mkdir("in", 0700) | mkdir("to", 0700), 0);
    write_model("in/a.onnx");
    assert_ran("a.onnx in/a.onnx --out-dir to", 2);
    assert_says(err, "a.onnx: two models have this name");
    assert_ran("a.onnx a.onnx", 2);
    assert_ran("a.onnx in/a.onnx", 0);
    assert_ran("a.onnx in/a.onnx -o to/a.onnx", 2);
    assert_ran("a.onnx in/a.onnx --json", 2);
    assert_int_equal(symlink("../in/a.onnx", "to/b.onnx"), 0);
    write_model("b.onnx");
    assert_ran("b.onnx in/a.onnx --out-dir to", 2); /* to/b.onnx is in/a.onnx */
    assert_says(err, "to/b.onnx: --out-dir would overwrite the model");
    assert_ran("a.onnx --out-dir .", 0); /* a model may be replaced by its fused self */
    static const char *const made[] = { "in/a.onnx", "to/b.onnx", "in", "to" };
    remove_all(made, 4);
}

/* Each model is in exactly one shard, and in the same one whatever else is named. */
static void shards_part_the_models(void **state)
{
    (void)state;
    static const char *const names[] = { "a.onnx", "b.onnx", "c.onnx", "d.onnx", "e.onnx", "f.onnx", "g.onnx" };
    char line[200];
    size_t seen = 0, used = 0;
    build_conv_bn_relu_bn();
    for (size_t i = 0; i < 7; i++) write_model(names[i]);
    for (int shard = 1; shard <= 3; shard++) {
        snprintf(line, sizeof line, "a.onnx b.onnx c.onnx d.onnx e.onnx f.onnx g.onnx --no-check -q --shard %d/3",
                 shard);
        assert_ran(line, 0);
        size_t here = 0;
        for (size_t i = 0; i < 7; i++) here += strstr(out, names[i]) != NULL;
        seen += here;
        used += here > 0;
    }
    assert_int_equal(seen, 7);
    assert_true(used > 1);
    assert_ran("a.onnx --shard 0/3", 2);
    assert_ran("a.onnx --shard 4/3", 2);
    assert_ran("a.onnx --shard 1", 2);
}

/* What is read again from JSON is what was known: reports made from it are the same, byte for byte. */
static void merged_reports_are_the_reports_of_the_runs(void **state)
{
    (void)state;
    static char first[TEXT_MAX];
    static const char *const kinds[] = { "xml", "md", "sarif", "jsonl" };
    char path[40];
    write_good("good.onnx");
    write_model("copy.onnx");
    write_file("text.onnx", "this is no model\n", 17);
    assert_ran(
        "good.onnx text.onnx copy.onnx --jsonl a.jsonl --junit a.xml --markdown a.md --sarif a.sarif --html a.html", 3);
    assert_ran("report a.jsonl --junit b.xml --markdown b.md --sarif b.sarif --jsonl b.jsonl --html b.html", 3);
    assert_says(out, "total: 3 models, 2 good, 1 not; exit status 3\n");
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "a.%s", kinds[i]);
        size_t size = read_file(path, first, sizeof first);
        snprintf(path, sizeof path, "b.%s", kinds[i]);
        assert_int_equal(read_file(path, out, sizeof out), size);
        assert_string_equal(out, first);
    }
    assert_int_equal(count_lines(read_out("a.jsonl")), 3);
    assert_says(read_out("b.html"), "<h1>bnfuse: 3 models</h1>");
    assert_ran("good.onnx --jsonl c.jsonl", 0);
    assert_ran("report a.jsonl c.jsonl", 3);
    assert_says(out, "total: 4 models");
    assert_ran("report c.jsonl -q", 0);
    assert_ran("report good.onnx", 2);
    assert_says(err, "good.onnx: object 1: is no JSON");
    assert_ran("report a.jsonl --junit a.jsonl", 2);
    write_file("other.jsonl", "{\"schema_version\": 1}\n", 22);
    assert_ran("report other.jsonl", 2);
    assert_says(err, "schema_version");
}

/* ---- usage ---- */

static void the_option_that_is_refused_is_named(void **state)
{
    (void)state;
    write_good("-xgood.onnx");
    static const char *const lines[][2] = {
        { "-xgood.onnx", "unknown option -x;" },
        { "-q -xgood.onnx", "unknown option -x;" },
        { "good.onnx -qx", "unknown option -x;" },
        { "explain -ox good.onnx", "unknown option -o;" },
        { "good.onnx --xx -q", "unknown option --xx" },
        { "good.onnx --quiet=3", "--quiet takes no argument; leave out =3" },
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_ran(lines[i][0], 2);
        if (!strstr(err, lines[i][1])) fail_msg("bnfuse %s: %s", lines[i][0], err);
    }
    assert_ran("explain -- -xgood.onnx", 0);
}

static void wrong_use_is_one_line_and_two(void **state)
{
    (void)state;
    write_good("good.onnx");
    static const char *const lines[] = {
        "",
        "--no-such-option good.onnx",
        "good.onnx other.onnx",
        "compare good.onnx",
        "good.onnx -o",
        "explain good.onnx --strict",
        "good.onnx --atol much",
        "good.onnx --memory 1Q",
        "good.onnx --lower neg",
        "good.onnx --enable magic",
        "good.onnx --disable magic",
        "good.onnx --input x",
        "good.onnx --input x=absent.npy",
        "good.onnx --data absent",
        "good.onnx --dim N",
        "good.onnx --shape x:2xx3",
        "good.onnx --check=half",
        "good.onnx --dim M=3",
        "good.onnx --shape q:2x3",
        "run good.onnx",
        "--completions=tcsh",
        "good.onnx --external-data d.bin",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_ran(lines[i], 2);
        if (count_lines(err) != 1) fail_msg("bnfuse %s: %s", lines[i], err);
    }
}

static void every_option_is_in_the_manual_and_the_completions(void **state)
{
    (void)state;
    static char help[TEXT_MAX];
    static const char *const pages[] = { "--man", "--completions=bash", "--completions=zsh", "--completions=fish" };
    assert_ran("--help", 0);
    strcpy(help, out);
    for (size_t page = 0; page < sizeof pages / sizeof *pages; page++) {
        assert_ran(pages[page], 0);
        for (const char *at = help; (at = strstr(at, "--"));) {
            char name[40];
            size_t length = strspn(at + 2, "abcdefghijklmnopqrstuvwxyz-");
            snprintf(name, sizeof name, "%.*s", (int)length, at + 2);
            at += length + 2;
            if (page == 0 && strchr(name, '-')) continue; /* a hyphen is escaped in roff */
            if (!strstr(out, name)) fail_msg("--%s is not in %s", name, pages[page]);
        }
    }
    assert_ran("--version", 0);
    assert_says(out, BNFUSE_VERSION);
    assert_ran("-V", 0);
    assert_says(out, BNFUSE_VERSION);
}

static void help_has_groups_examples_and_fits_a_terminal(void **state)
{
    (void)state;
    static const char *const lines[] = { "--help",         "help",         "help explain", "help compare",
                                         "help calibrate", "help run",     "help print",   "help diff",
                                         "help report",    "help reasons", "compare -h" };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_ran(lines[i], 0);
        assert_says(out, "\nAbout:\n");
        if (strcmp(lines[i], "compare -h") != 0) assert_says(out, "\nExamples:\n");
        for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n"))
            if (strlen(line) > 80) fail_msg("%s: %zu columns: %s", lines[i], strlen(line), line);
    }
    assert_ran("help", 0);
    static const char *const groups[] = { "Output:", "Folding:", "Check:", "Data:", "Limits:", "Reports:", "About:" };
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) assert_says(out, groups[i]);
}

static void a_dry_run_does_all_but_write(void **state)
{
    (void)state;
    write_good("good.onnx");
    assert_ran("good.onnx -o fused.onnx --dry-run", 0);
    assert_says(out, "nothing written");
    assert_says(last_line(out), "verdict: pass");
    assert_int_equal(count_files(), 1);
    assert_ran("good.onnx -o missing/fused.onnx --dry-run", 2);
    assert_ran("good.onnx -o fused.onnx -n --require 2", 5);
}

/* ---- reports ---- */

static json_t *parsed_json(void)
{
    json_error_t why;
    json_t *root = json_loads(out, 0, &why);
    if (!root) fail_msg("%s in: %s", why.text, out);
    return root;
}

static const char *json_text(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

static void json_says_what_happened(void **state)
{
    (void)state;
    write_good("good.onnx");
    assert_ran("good.onnx -o fused.onnx --json", 0);
    json_t *root = parsed_json(), *remarks = json_object_get(root, "batch_normalizations");
    assert_int_equal(json_array_size(remarks), 2);
    assert_true(json_is_null(json_object_get(json_array_get(remarks, 0), "code")));
    assert_string_equal(json_text(json_array_get(remarks, 1), "code"), "BNF106");
    assert_string_equal(json_text(json_object_get(root, "check"), "verdict"), "pass");
    assert_string_equal(json_text(root, "output"), "fused.onnx");
    assert_int_equal(json_integer_value(json_object_get(root, "status")), 0);
    assert_true(json_integer_value(json_object_get(json_object_get(root, "bytes"), "after")) > 0);
    json_t *written = json_object_get(root, "sha256");
    assert_ran("fused.onnx --json", 0);
    json_t *again = parsed_json();
    assert_int_equal(strlen(json_text(written, "output")), 64);
    assert_string_equal(json_text(json_object_get(again, "sha256"), "model"), json_text(written, "output"));
    json_decref(again);
    json_decref(root);
}

static void json_is_valid_when_things_go_wrong(void **state)
{
    (void)state;
    write_file("text.onnx", "this is no model\n", 17);
    assert_ran("text.onnx --json", 3);
    json_t *root = parsed_json();
    assert_int_equal(json_integer_value(json_object_get(root, "status")), 3);
    assert_true(*json_text(root, "message"));
    json_decref(root);
    assert_ran("reasons --json", 0);
    root = parsed_json();
    assert_true(json_array_size(root) > 10);
    json_decref(root);
}

static void files_of_reports_name_the_batch_normalizations(void **state)
{
    (void)state;
    write_good("good.onnx");
    assert_ran("good.onnx --junit r.xml --markdown r.md --html r.html", 0);
    static const char *const reports[] = { "r.xml", "r.md", "r.html" };
    for (size_t i = 0; i < 3; i++) {
        assert_true(read_file(reports[i], out, sizeof out) > 0);
        assert_says(out, "late");
        assert_says(out, "BNF106");
    }
    assert_ran("good.onnx --junit no/such/folder/r.xml", 2);
    assert_ran("reasons --markdown", 0);
    assert_says(out, "| BNF106 |");
    assert_says(out, "## BNF106:");
    assert_ran("reasons BNF101", 0);
    assert_says(out, "DenseNet");
    assert_ran("reasons 110", 0);
    assert_says(out, "--enable bn-before-padded-conv");
    assert_ran("reasons BNF999", 2);
}

static void explain_shows_the_path_and_writes_nothing(void **state)
{
    (void)state;
    write_good("good.onnx");
    assert_ran("explain good.onnx", 0);
    assert_says(out, "1 of 2 BatchNormalizations can go, 1 stay");
    assert_says(out, "conv");
    assert_says(out, "BNF106");
    assert_int_equal(count_files(), 1);
}

/* ---- compare and run ---- */

static void models_that_differ_end_with_one(void **state)
{
    (void)state;
    write_good("good.onnx");
    build_close(&b);
    build_open(&b, 8, 13);
    build_conv_bn_relu_bn();
    ((float *)b.model->graph->initializer[1]->raw_data.data)[2] *= 1.01f;
    write_model("other.onnx");
    assert_ran("compare good.onnx other.onnx", 1);
    assert_int_equal(count_lines(err), 1);
    assert_says(last_line(out), "verdict: fail");
    assert_ran("compare good.onnx good.onnx", 0);
    assert_string_equal(last_line(out), "verdict: identical\n");
}

static void write_relus(const char *path, bool twice)
{
    build_close(&b);
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "2,3");
    build_node(&b, "Relu", "once", "x", twice ? "y1" : "y", NULL);
    if (twice) build_node(&b, "Relu", "twice", "y1", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "2,3");
    write_model(path);
}

/* The sentence says what the verdict does. */
static void models_that_agree_are_said_to(void **state)
{
    (void)state;
    write_relus("once.onnx", false);
    write_relus("twice.onnx", true);
    assert_ran("compare once.onnx twice.onnx", 0);
    assert_says(out, "result: The two models give the same, bit for bit,");
    assert_string_equal(last_line(out), "verdict: equal on what was tried\n");
    assert_ran("compare once.onnx once.onnx", 0);
    assert_says(out, "result: The two models are the same graph.");
}

/* The type of the weight follows from its Constant alone, so that only shape inference sees what is wrong. */
static void what_does_not_go_together_stays_as_it_is(void **state)
{
    (void)state;
    build_input(&b, "x", DTYPE_FLOAT, "1,4,3,3,3");
    build_node(&b, "Constant", NULL, NULL, "w", NULL);
    build_attribute_tensor(&b, "value", build_tensor(&b, NULL, DTYPE_DOUBLE, "4,1,1,1", (double[]){ 1, 2, 3, 4 }));
    build_node(&b, "Constant", NULL, NULL, "half", NULL);
    build_attribute_tensor(&b, "value", build_tensor(&b, NULL, DTYPE_FLOAT, "1,4,1,1", (double[]){ 0, 0.5, 1, 2 }));
    build_node(&b, "Constant", NULL, NULL, "s", "value_floats=0.5,1.0,2.0,3.0");
    build_node(&b, "ConvTranspose", "up", "x w", "y", "group=4");
    build_node(&b, "Add", "add", "y half", "z", NULL);
    build_node(&b, "BatchNormalization", "bn", "z s s s s", "out", NULL);
    build_output(&b, "out", DTYPE_FLOAT, "1,4,3,3");
    write_model("types.onnx");
    assert_ran("types.onnx -o fused.onnx --lower mul-add --simplify", 0);
    assert_says(out, "BNF109");
    assert_same_bytes("types.onnx", "fused.onnx");
}

/* What the user gives is used, or refused with what was expected and what came. */
static void data_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    write_good("good.onnx");
    build_close(&b);
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "2,3");
    build_node(&b, "Relu", "relu", "x", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "2,3");
    write_model("relu.onnx");
    BnfuseOnnx__TensorProto *x = build_tensor(&b, "x", DTYPE_FLOAT, "2,3", (double[]){ 1, 2, 3, 4, 5, 6 });
    uint8_t bytes[200];
    write_file("x.pb", bytes, bnfuse_onnx__tensor_proto__pack(x, bytes));
    assert_ran("run relu.onnx --input x=x.pb -o x.npy", 0);
    assert_ran("good.onnx -o out.onnx --input x=x.npy", 2);
    assert_says(err, "declared as float32");
    assert_says(err, "x float32 [2, 3]");
    assert_ran("good.onnx -o out.onnx --shape x:1x7x5x5", 2);
    assert_says(err, "does not run on what was given");
    assert_ran("compare good.onnx good.onnx --input x=x.npy", 2);
    assert_false(exists("out.onnx"));
    assert_int_equal(mkdir("empty", 0700), 0);
    assert_ran("good.onnx -o out.onnx --data empty", 2);
    assert_says(err, "holds no data");
    assert_int_equal(rename("x.npy", "empty/x.npy"), 0);
    assert_ran("run relu.onnx --data empty", 0);
    assert_ran("good.onnx --data empty", 2);
    assert_int_equal(remove("empty/x.npy") | rmdir("empty"), 0);
}

/* x -> Gemm -> Relu -> y; one weight is moved by this much. */
static void write_layer(const char *path, float by)
{
    build_close(&b);
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "N,4");
    build_init(&b, "w", DTYPE_FLOAT, "4,6", 3);
    build_node(&b, "Gemm", "layer", "x w", "h", NULL);
    build_node(&b, "Relu", "relu", "h", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "N,6");
    ((float *)b.model->graph->initializer[0]->raw_data.data)[2] += by;
    write_model(path);
}

static void a_difference_can_be_taken_away(void **state)
{
    (void)state;
    write_layer("a.onnx", 0);
    write_layer("b.onnx", 0.25f);
    assert_ran("compare a.onnx b.onnx --repro away", 1);
    assert_says(out, "first value that differs: \"h\"");
    assert_ran("compare away/first.onnx away/second.onnx --data away", 1);
    assert_ran("run away/first.onnx --data away --exact", 0);
    assert_ran("run away/second.onnx --data away --exact", 1);
    assert_true(exists("away/command.txt"));
    assert_ran("compare away/first.onnx away/second.onnx --repro away", 2);
    assert_says(err, "first.onnx: --repro would overwrite the model");
    assert_ran("compare a.onnx b.onnx --repro away --data away", 2);
    assert_ran("compare a.onnx b.onnx --repro away --data away/test_data_set_0", 2);
    assert_ran("compare a.onnx b.onnx --repro away --input x=away/test_data_set_0/input_0.pb", 2);
    assert_ran("compare a.onnx b.onnx --repro away --junit away/command.txt", 2);
    static const char *const files[] = { "away/first.onnx",
                                         "away/second.onnx",
                                         "away/command.txt",
                                         "away/test_data_set_0/input_0.pb",
                                         "away/test_data_set_0/output_0.pb",
                                         "away/test_data_set_0",
                                         "away" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) assert_int_equal(remove(files[i]), 0);
}

static void outputs_have_tolerances_of_their_own(void **state)
{
    (void)state;
    write_layer("a.onnx", 0);
    assert_ran("run a.onnx --input x=none.npy --atol 1e-3,y:1", 2);
    assert_ran("compare a.onnx a.onnx --atol y:1e-3 --rtol 1e-2,y:1", 0);
    assert_ran("compare a.onnx a.onnx --atol z:1e-3", 2);
    assert_says(err, "no output of the model");
    assert_ran("compare a.onnx a.onnx --atol y:", 2);
    assert_ran("compare a.onnx a.onnx --precision float17", 2);
    assert_says(err, "bfloat16");
}

static void statistics_are_calibrated_from_data(void **state)
{
    (void)state;
    write_good("good.onnx");
    build_close(&b);
    build_open(&b, 8, 13);
    assert_ran("calibrate good.onnx -o out.onnx", 2);
    assert_says(err, "--data");
    assert_false(exists("out.onnx"));
}

/* The tensor message of ONNX's layout, and back. */
static void a_run_reads_and_writes_the_test_layout(void **state)
{
    (void)state;
    double values[] = { -1, 2, -3, 4 };
    build_input(&b, "x", DTYPE_FLOAT, "2,2");
    build_node(&b, "Relu", "relu", "x", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "2,2");
    write_model("relu.onnx");
    BnfuseOnnx__TensorProto *x = build_tensor(&b, "x", DTYPE_FLOAT, "2,2", values);
    uint8_t bytes[200];
    size_t size = bnfuse_onnx__tensor_proto__pack(x, bytes);
    write_file("input_0.pb", bytes, size);
    assert_ran("run relu.onnx --input-dir . --output-dir .", 0);
    size = read_file("output_0.pb", out, sizeof out);
    BnfuseOnnx__TensorProto *y = bnfuse_onnx__tensor_proto__unpack(NULL, size, (const uint8_t *)out);
    assert_non_null(y);
    assert_int_equal(y->raw_data.len, 16);
    assert_memory_equal(y->raw_data.data, ((float[]){ 0, 2, 0, 4 }), 16);
    bnfuse_onnx__tensor_proto__free_unpacked(y, NULL);

    assert_ran("run relu.onnx --data .", 0); /* agrees with the output_0.pb just written */
    write_file("output_0.pb", bytes, bnfuse_onnx__tensor_proto__pack(x, bytes));
    assert_ran("run relu.onnx --data .", 1);
    assert_ran("run relu.onnx --input x=input_0.pb -o y.npy", 0);
    assert_true(exists("y.npy"));
    assert_ran("run relu.onnx --input x=y.npy -o y.npz", 0);
    assert_ran("relu.onnx --input z=y.npy", 2);
    assert_says(err, "no input of the model");
    assert_ran("relu.onnx --shape x:3", 0); /* nothing changed, so nothing is run */
}

static void an_operator_that_cannot_run_is_named(void **state)
{
    (void)state;
    build_import(&b, "custom", 1);
    build_input(&b, "x", DTYPE_FLOAT, "2,2");
    build_node(&b, "custom.Mystery", "who", "x", "y", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "2,2");
    write_model("custom.onnx");
    write_file("input_0.pb", "\x08\x02\x08\x02\x10\x01\x4a\x10................", 24);
    assert_ran("run custom.onnx --input-dir .", 4);
    assert_int_equal(count_lines(err), 1);
    assert_says(err, "Mystery");
    assert_says(err, "custom.onnx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_directory, close_directory)
        TEST(a_good_model_is_fused_checked_and_written),
        TEST(a_fold_that_the_writer_finds_to_overflow_is_not_made),
        TEST(a_fold_crosses_a_concat_of_thousands),
        TEST(the_verdict_is_the_last_line),
        TEST(every_batch_normalization_gets_one_line),
        TEST(equal_hints_are_given_once),
        TEST(a_size_that_decides_what_is_less_work_is_asked_for),
        TEST(sizes_that_follow_from_a_named_one_count),
        TEST(sites_are_proven_at_sizes_that_were_frozen),
        TEST(affines_are_counted_by_what_became_of_them),
        TEST(a_model_may_be_replaced_by_its_fused_self),
        TEST(standard_output_takes_the_model_and_nothing_else),
        TEST(policies_end_with_five_and_write_nothing),
        TEST(the_level_that_decided_is_printed),
        TEST(what_only_its_sites_prove_is_written_unless_all_is_wanted),
        TEST(a_cut_short_patience_ends_with_124),
        TEST(a_file_that_is_no_protobuf_is_invalid),
        TEST(a_truncated_model_is_invalid),
        TEST(a_cycle_is_invalid_and_names_a_node),
        TEST(a_missing_tensor_is_invalid_and_named),
        TEST(a_tensor_shorter_than_its_shape_is_invalid_and_named),
        TEST(an_unknown_opset_is_unsupported_and_named),
        TEST(what_cannot_be_read_is_a_matter_of_usage),
        TEST(a_full_disk_leaves_nothing_behind),
        TEST(a_full_standard_output_is_noticed),
        TEST(a_reader_that_is_gone_is_an_error_of_the_model_only),
        TEST(a_check_that_does_not_fit_the_memory_is_one_of_the_sites),
        TEST(a_small_model_gets_little_memory),
        TEST(inputs_count_against_the_memory),
        TEST(of_many_sets_one_is_in_memory),
        TEST(standard_output_takes_one_report),
        TEST(names_with_control_characters_reach_no_terminal),
        TEST(a_backslash_is_escaped_once_in_every_report),
        TEST(names_speak_no_command_to_a_ci),
        TEST(one_broken_model_does_not_stop_the_others),
        TEST(the_worst_status_of_many_wins),
        TEST(names_that_would_collide_are_refused_before_work),
        TEST(shards_part_the_models),
        TEST(merged_reports_are_the_reports_of_the_runs),
        TEST(the_option_that_is_refused_is_named),
        TEST(wrong_use_is_one_line_and_two),
        TEST(every_option_is_in_the_manual_and_the_completions),
        TEST(help_has_groups_examples_and_fits_a_terminal),
        TEST(a_dry_run_does_all_but_write),
        TEST(json_says_what_happened),
        TEST(json_is_valid_when_things_go_wrong),
        TEST(files_of_reports_name_the_batch_normalizations),
        TEST(explain_shows_the_path_and_writes_nothing),
        TEST(models_that_differ_end_with_one),
        TEST(models_that_agree_are_said_to),
        TEST(what_does_not_go_together_stays_as_it_is),
        TEST(data_that_do_not_fit_are_refused),
        TEST(a_difference_can_be_taken_away),
        TEST(outputs_have_tolerances_of_their_own),
        TEST(statistics_are_calibrated_from_data),
        TEST(a_run_reads_and_writes_the_test_layout),
        TEST(an_operator_that_cannot_run_is_named),
#undef TEST
    };
    program = getenv("BNFUSE_PROGRAM");
    if (!program) {
        printf("skipped: BNFUSE_PROGRAM does not say where the program is\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
