/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of the system that fail, one at a time, wherever a model is read or written: an error has a message and leaves
 * what was there; where there is none, all is there. (commit_test.c does the same to the program, with signals and
 * kills.) */
#include "build.h"
#include "onnx/graph/edit.h"
#include "onnx/graph/index.h"
#include "onnx/write/write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- calls ---- */

enum failure { ERROR, FROM_THEN_ON, INTERRUPTED, SHORT };

static int failing, calls; /* the number of the call that fails (0: none), and how many there were */
static enum failure kind;

static bool fails(void)
{
    if (failing == 0 || ++calls < failing || kind == SHORT) return false;
    if (calls > failing && kind != FROM_THEN_ON) return false;
    errno = kind == INTERRUPTED ? EINTR : EIO;
    return true;
}

/* What a call that is cut short does of its size. */
static size_t cut(size_t size)
{
    return failing && kind == SHORT && calls == failing && size > 1 ? size / 2 : size;
}

/* Linked in place of the calls of these names. */
#define CALL(type, name, parameters, arguments)        \
    type __real_##name parameters;                     \
    type __wrap_##name parameters;                     \
    type __wrap_##name parameters                      \
    {                                                  \
        return fails() ? -1 : __real_##name arguments; \
    }

CALL(int, fstat, (int fd, struct stat *status), (fd, status))
CALL(int, stat, (const char *path, struct stat *status), (path, status))
CALL(int, lstat, (const char *path, struct stat *status), (path, status))
CALL(int, access, (const char *path, int mode), (path, mode))
CALL(int, fsync, (int fd), (fd))
CALL(int, fchmod, (int fd, mode_t mode), (fd, mode))
CALL(int, flock, (int fd, int how), (fd, how))
CALL(int, linkat, (int from, const char *a, int to, const char *b, int flags), (from, a, to, b, flags))
CALL(int, renameat, (int from, const char *a, int to, const char *b), (from, a, to, b))
CALL(ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, cut(size)))
CALL(ssize_t, pwrite, (int fd, const void *bytes, size_t size, off_t at), (fd, bytes, cut(size), at))
CALL(ssize_t, read, (int fd, void *bytes, size_t size), (fd, bytes, cut(size)))
CALL(ssize_t, pread, (int fd, void *bytes, size_t size, off_t at), (fd, bytes, cut(size), at))

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...);
DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
static bool names_only; /* a file system that has no files without a name */

static mode_t mode_of(int flags, va_list list)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    return fails() ? -1 : __real_open(path, flags, mode);
}

int __wrap_openat(int directory, const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    errno = EOPNOTSUPP;
    if (names_only && (flags & O_TMPFILE) == O_TMPFILE) return -1;
    return fails() ? -1 : __real_openat(directory, path, flags, mode);
}

DIR *__wrap_opendir(const char *path)
{
    return fails() ? NULL : __real_opendir(path);
}

/* ---- a folder of files ---- */

static char folder[64];

struct content {
    uint8_t bytes[1 << 15];
    size_t size;
};

static void save(const char *path, const struct content *content)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content->bytes, 1, content->size, file), content->size);
    assert_int_equal(fclose(file), 0);
}

static bool read_content(const char *path, struct content *content)
{
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    content->size = fread(content->bytes, 1, sizeof content->bytes, file);
    fclose(file);
    return content->size < sizeof content->bytes;
}

static bool holds(const char *path, const struct content *wanted)
{
    static struct content found;
    return read_content(path, &found) && found.size == wanted->size && !memcmp(found.bytes, wanted->bytes, found.size);
}

/* Everything but these. */
static int remove_others(const char *const *kept, size_t count)
{
    DIR *directory = __real_opendir(".");
    int removed = 0;
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));) {
        bool stays = *entry->d_name == '.' && strlen(entry->d_name) < 3;
        for (size_t i = 0; i < count; i++) stays |= !strcmp(entry->d_name, kept[i]);
        if (!stays) removed += remove(entry->d_name) == 0;
    }
    closedir(directory);
    return removed;
}

/* ---- reading and writing ---- */

static struct build b;
static struct bnfuse_error error;

struct task {
    const char *from, *to, *data;
};

static struct tensor *scaled(const struct tensor *tensor, struct arena *arena)
{
    double *scale = NEW_ARRAY(arena, double, 16);
    for (int i = 0; i < 16; i++) scale[i] = i + 0.5;
    struct factor factor = { 1, 16, 1, 1, tensor->count / 16, scale };
    return tensor_scaled(arena, tensor, &factor);
}

/* Reads the model, scales its weight and writes it. */
static bool carry_over(void *context, struct bnfuse_error *e)
{
    const struct task *task = context;
    const struct write_options options = { .external_data = task->data, .digest = true };
    struct model model;
    struct net net;
    if (!model_load(&model, &b.arena, task->from, e) || !net_index(&net, &b.arena, &model, e)) return false;
    struct node *conv = build_find_node(&net, "conv");
    struct value *w = conv->inputs[1].value, *other = build_find_value(&net, "other");
    double *numbers = NEW_ARRAY(&b.arena, double, 300);
    if (!tensor_read_real(other->initializer, 0, 300, numbers, e)) return false;
    edit_set_input(conv, 1, edit_add_initializer(net.main, "w", scaled(w->initializer, &b.arena)));
    edit_remove_initializer(w);
    return net_write(&net, task->to, &options, NULL, e);
}

static bool run(const struct task *task)
{
    error = (struct bnfuse_error){ 0 };
    return guarded(&b.memory, carry_over, (void *)task, &error);
}

static int open_folder(void **state)
{
    (void)state;
    static struct content built;
    strcpy(folder, "/tmp/calls_test.XXXXXX");
    if (!mkdtemp(folder) || chdir(folder)) return -1;
    build_open(&b, 8, 13);
    build_input(&b, "x", DTYPE_FLOAT, "N,3,8,8");
    build_init(&b, "w", DTYPE_FLOAT, "16,3,3,3", 1);
    build_init(&b, "other", DTYPE_FLOAT, "300", 3);
    build_node(&b, "Conv", "conv", "x w", "y", NULL);
    build_node(&b, "Identity", "same", "other", "o", NULL);
    build_output(&b, "y", DTYPE_FLOAT, "N,16,6,6");
    build_output(&b, "o", DTYPE_FLOAT, "300");
    const void *bytes = build_bytes(&b, &built.size);
    memcpy(built.bytes, bytes, built.size);
    save("plain.onnx", &built);
    names_only = false;
    if (!run(&(struct task){ "plain.onnx", "m.onnx", "m.data" })) fail_msg("%s", error.message);
    return 0;
}

static int close_folder(void **state)
{
    (void)state;
    char command[100];
    failing = 0;
    build_close(&b);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") || system(command);
}

/* ---- one call after the other ---- */

/* What out.onnx is when nothing fails, with its data; and what was there before. */
struct outcome {
    const struct task *task;
    struct content model, data, old, old_data;
    const char *data_file;
};

static void prepare(const struct outcome *o)
{
    static const char *const kept[] = { "plain.onnx", "m.onnx", "m.data" };
    remove_others(kept, 3);
    save("out.onnx", &o->old);
    save("old.data", &o->old_data);
}

static void require_old_or_new(const struct outcome *o, bool ok, int number)
{
    const char *data = o->data_file ? o->data_file : "out.onnx";
    const char *const after[] = { "plain.onnx", "m.onnx", "m.data", "out.onnx", data, "old.data" };
    if (ok && (!holds("out.onnx", &o->model) || !holds(data, o->data_file ? &o->data : &o->model)))
        fail_msg("call %d failed, and the new model is not whole", number);
    if (ok) return;
    if (!*error.message) fail_msg("call %d failed, and no message says why", number);
    if (!holds("out.onnx", &o->old) || !holds("old.data", &o->old_data))
        fail_msg("call %d failed (%s), and the old model is not whole", number, error.message);
    assert_int_equal(remove_others(after, 6), 0);
}

static void each_call(const struct task *task)
{
    static struct outcome o;
    struct task old = { "plain.onnx", "out.onnx", "old.data" };
    o.task = task;
    o.data_file = task->data;
    assert_true(run(&old));
    assert_true(read_content("out.onnx", &o.old) && read_content("old.data", &o.old_data));
    if (!run(task)) fail_msg("%s", error.message);
    assert_true(read_content("out.onnx", &o.model));
    if (task->data) assert_true(read_content(task->data, &o.data));
    for (kind = ERROR; kind <= SHORT; kind++) {
        int n = 0;
        do {
            prepare(&o);
            calls = 0;
            failing = ++n;
            bool ok = run(task);
            failing = 0;
            require_old_or_new(&o, ok, n);
        } while (calls >= n);
        assert_true(n > 20);
    }
}

static void a_call_that_fails_leaves_the_old_or_the_new(void **state)
{
    (void)state;
    each_call(&(struct task){ "plain.onnx", "out.onnx", NULL });
}

static void so_it_does_with_data(void **state)
{
    (void)state;
    each_call(&(struct task){ "m.onnx", "out.onnx", "out.data" });
}

static void and_where_files_need_names(void **state)
{
    (void)state;
    names_only = true;
    each_call(&(struct task){ "m.onnx", "out.onnx", "out.data" });
}

/* How many files there are whose names begin so; the last one's name. */
static int count_named(const char *start, char name[256])
{
    DIR *directory = __real_opendir(".");
    int count = 0;
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));) {
        if (strncmp(entry->d_name, start, strlen(start)) != 0) continue;
        snprintf(name, 256, "%s", entry->d_name);
        count++;
    }
    closedir(directory);
    return count;
}

/* Its data have a name with a digest, and new ones under another name take their place. */
static void a_model_written_over_itself_leaves_no_old_data(void **state)
{
    (void)state;
    char first[256], second[256];
    const struct task out = { "m.onnx", "x.onnx", NULL }, over = { "x.onnx", "x.onnx", NULL };
    assert_true(run(&out));
    assert_int_equal(count_named("x.onnx.", first), 1);
    assert_true(run(&over));
    assert_int_equal(count_named("x.onnx.", second), 1);
    assert_string_not_equal(first, second);
    assert_true(run(&over));
    assert_int_equal(count_named("x.onnx.", first), 1);
}

static void weights_that_were_read_are_not_written_over(void **state)
{
    (void)state;
    static struct content weights;
    assert_true(read_content("m.data", &weights));
    assert_false(run(&(struct task){ "m.onnx", "m.data", NULL }));
    assert_non_null(strstr(error.message, "holds weights of the model that was read"));
    assert_true(holds("m.data", &weights));
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, open_folder, close_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_call_that_fails_leaves_the_old_or_the_new),
        IN_FOLDER(so_it_does_with_data),
        IN_FOLDER(and_where_files_need_names),
        IN_FOLDER(a_model_written_over_itself_leaves_no_old_data),
        IN_FOLDER(weights_that_were_read_are_not_written_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
