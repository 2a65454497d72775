/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives a target where libFuzzer is not: every file once, then so many mutants of them, always the same.
 *
 *   NAME_fuzz ROUNDS [BEFORE:]FILE-OR-FOLDER...
 *
 * BEFORE is put before what the files hold. Of a folder, all files of at most 4 KiB. An input that the target does not
 * survive is left as NAME_fuzz.finding where the program runs. */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 4096 };

struct seed {
    uint8_t bytes[ROOM];
    size_t size;
};

struct corpus {
    struct seed *seeds;
    size_t count;
};

/* Only some targets have these. */
__attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t room, unsigned seed);
__attribute__((weak)) size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                                                       uint8_t *to, size_t room, unsigned seed);

__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

/* The input that runs, for whoever wants to know what the end came from: handlers see nothing else. */
static const struct seed *running;
static const char *finding;

static void keep_finding(void)
{
    int fd = running ? open(finding, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    if (fd >= 0 && write(fd, running->bytes, running->size) < 0) close(fd);
    running = NULL;
}

static void die(int number)
{
    keep_finding();
    signal(number, SIG_DFL);
    raise(number);
}

static void run(const struct seed *seed)
{
    running = seed;
    LLVMFuzzerTestOneInput(seed->bytes, seed->size);
    running = NULL;
}

static size_t draw(size_t count)
{
    return (size_t)random() % count;
}

/* A byte changed, put in or taken out. */
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t room)
{
    size_t kind = draw(3), at = draw(size + 1);
    if ((kind == 0 || at == size) && size < room) {
        memmove(bytes + at + 1, bytes + at, size - at);
        bytes[at] = (uint8_t)random();
        return size + 1;
    }
    if (at == size) return size;
    if (kind == 1) {
        memmove(bytes + at, bytes + at + 1, size - at - 1);
        return size - 1;
    }
    bytes[at] = draw(2) ? (uint8_t)random() : (uint8_t)(bytes[at] ^ 1 << draw(8));
    return size;
}

static void add_file(struct corpus *corpus, const char *path, const char *before, size_t length)
{
    struct seed seed;
    FILE *file = length < ROOM ? fopen(path, "rbe") : NULL;
    if (!file) return;
    memcpy(seed.bytes, before, length);
    seed.size = length + fread(seed.bytes + length, 1, ROOM - length, file);
    bool is_small = fgetc(file) == EOF;
    fclose(file);
    struct seed *seeds = is_small ? realloc(corpus->seeds, (corpus->count + 1) * sizeof *seeds) : NULL;
    if (!seeds) return;
    corpus->seeds = seeds;
    corpus->seeds[corpus->count++] = seed;
}

static int is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void add(struct corpus *corpus, const char *argument)
{
    struct stat status;
    struct dirent **entries;
    const char *colon = strchr(argument, ':'), *path = colon ? colon + 1 : argument;
    size_t length = colon ? (size_t)(colon - argument) : 0;
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode)) add_file(corpus, path, argument, length);
    int count = scandir(path, &entries, is_file, alphasort);
    for (int i = 0; i < count; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        add_file(corpus, file, argument, length);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
}

static void run_mutant(const struct corpus *corpus)
{
    struct seed mutant = corpus->seeds[draw(corpus->count)];
    const struct seed *other = &corpus->seeds[draw(corpus->count)];
    unsigned number = (unsigned)random();
    for (size_t n = draw(4) + 1; n-- > 0;)
        mutant.size = LLVMFuzzerCustomMutator ? LLVMFuzzerCustomMutator(mutant.bytes, mutant.size, ROOM, number)
                                              : LLVMFuzzerMutate(mutant.bytes, mutant.size, ROOM);
    if (LLVMFuzzerCustomCrossOver && draw(4) == 0) {
        const struct seed from = mutant;
        size_t size =
            LLVMFuzzerCustomCrossOver(from.bytes, from.size, other->bytes, other->size, mutant.bytes, ROOM, number);
        mutant.size = size ? size : mutant.size;
    }
    run(&mutant);
}

int main(int argc, char **argv)
{
    struct corpus corpus = { .count = 0 };
    char path[4096];
    if (argc < 3 || !getcwd(path, sizeof path / 2)) return 2;
    strcat(strcat(strcat(path, "/"), strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0]), ".finding");
    finding = path; /* whole, for a target may go elsewhere */
    signal(SIGABRT, die);
    if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(keep_finding);
    else signal(SIGSEGV, die);
    long rounds = strtol(argv[1], NULL, 10);
    for (int i = 2; i < argc; i++) add(&corpus, argv[i]);
    if (!corpus.count) {
        fprintf(stderr, "no seeds\n");
        return 1;
    }
    for (size_t i = 0; i < corpus.count; i++) run(&corpus.seeds[i]);
    srandom(1);
    for (long i = 0; i < rounds; i++) run_mutant(&corpus);
    printf("%zu files and %ld mutants of them\n", corpus.count, rounds);
    free(corpus.seeds);
    return 0;
}
