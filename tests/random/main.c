/* SPDX-License-Identifier: Apache-2.0
 *
 * random COUNT [FIRST [WORKERS]]: checks the random models of the seeds FIRST, FIRST+1, ... and prints what fails, made
 * small, as text. random -p SEED prints one model, random -w SEED FILE writes it. Exit 1 when something failed. */
#include "random_check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_WORKERS  64
#define MAX_FAILURES 40 /* of one worker; then it stops */

/* What a worker is at, seen by its parent even if it crashes. */
struct progress {
    uint64_t seed;
    size_t checked, failures, remarks, planted, left, folded;
};

/* In memory where the machine has such a place: every model is written twice, and synced. */
static char directory[4096];

static bool make_directory(void)
{
    const char *given = getenv("TMPDIR");
    const char *places[] = { "/dev/shm", given ? given : "/tmp" };
    for (size_t i = 0; i < 2; i++) {
        snprintf(directory, sizeof directory, "%s/bnfuse-random-XXXXXX", places[i]);
        if (mkdtemp(directory)) return true;
    }
    return false;
}

static void report(struct random_graph *graph, struct finding *finding)
{
    struct finding first = *finding;
    size_t nodes = random_shrink(graph, directory, finding);
    char *text;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    fprintf(to, "seed %llu%s: %s\n", (unsigned long long)graph->seed, graph->freeze_weights ? " (weights frozen)" : "",
            first.text);
    fprintf(to, "  shrunk to %zu nodes: %s\n  planted:", nodes, finding->text);
    for (size_t i = 0; i < graph->planted_count; i++) fprintf(to, " %s", graph->planted[i].node);
    fprintf(to, "\n");
    random_print(graph, to);
    fclose(to);
    fputs(text, stdout);
    fflush(stdout);
    free(text);
}

static void check_seed(uint64_t seed, bool crashed, struct progress *progress)
{
    struct random_graph graph;
    struct finding finding = { .failure = FAILURE_CRASH };
    random_graph(&graph, seed);
    if (!crashed) random_check(&graph, directory, &finding);
    progress->checked++;
    progress->remarks += finding.remarks;
    progress->planted += finding.planted;
    progress->left += finding.left;
    progress->folded += finding.folded;
    if (finding.failure != FAILURE_NONE) {
        progress->failures++;
        report(&graph, &finding);
    }
    build_close(&graph.build);
}

/* A minute of processor time for a seed, as the machine may be busy; and a quarter of an hour for one that waits. */
static void start_clock(void)
{
    const struct itimerval minute = { .it_value = { .tv_sec = 60 } };
    setitimer(ITIMER_PROF, &minute, NULL);
    alarm(900);
}

static void work(struct progress *progress, uint64_t end, uint64_t stride, bool crashed)
{
    for (; progress->seed < end && progress->failures < MAX_FAILURES; progress->seed += stride) {
        start_clock();
        check_seed(progress->seed, crashed, progress);
        crashed = false;
    }
}

static pid_t start(struct progress *progress, uint64_t end, uint64_t stride, bool crashed)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        work(progress, end, stride, crashed);
        exit(0);
    }
    return child;
}

static size_t run(uint64_t first, uint64_t count, int workers)
{
    struct progress *progress = mmap(NULL, MAX_WORKERS * sizeof *progress, PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0),
                    total = { 0 };
    pid_t children[MAX_WORKERS];
    int status, left = workers;
    if (progress == MAP_FAILED) abort();
    for (int i = 0; i < workers; i++) {
        progress[i].seed = first + (uint64_t)i;
        children[i] = start(&progress[i], first + count, (uint64_t)workers, false);
    }
    while (left > 0) {
        pid_t child = wait(&status);
        int i = 0;
        while (i < workers && children[i] != child) i++;
        if (i == workers) continue;
        if (WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) != 0))
            children[i] = start(&progress[i], first + count, (uint64_t)workers, true);
        else left--;
    }
    for (int i = 0; i < workers; i++) {
        total.checked += progress[i].checked;
        total.failures += progress[i].failures;
        total.remarks += progress[i].remarks;
        total.planted += progress[i].planted;
        total.left += progress[i].left;
        total.folded += progress[i].folded;
    }
    printf("%zu models, %zu BatchNormalizations: %zu gone, %zu left with a reason; %zu planted, %zu failures\n",
           total.checked, total.remarks, total.folded, total.left, total.planted, total.failures);
    return total.failures;
}

static bool write_model(uint64_t seed, const char *path)
{
    struct random_graph graph;
    size_t size;
    random_graph(&graph, seed);
    const void *bytes = build_bytes(&graph.build, &size);
    FILE *to = fopen(path, "wb");
    bool good = to && fwrite(bytes, 1, size, to) == size;
    if (to && fclose(to) != 0) good = false;
    if (!good) perror(path);
    build_close(&graph.build);
    return good;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "-p") == 0) {
        struct random_graph graph;
        random_graph(&graph, strtoull(argv[2], NULL, 10));
        random_print(&graph, stdout);
        build_close(&graph.build);
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "-w") == 0) return write_model(strtoull(argv[2], NULL, 10), argv[3]) ? 0 : 2;
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000, first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    int workers = argc > 3 ? atoi(argv[3]) : (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (!make_directory()) {
        perror(directory);
        return 2;
    }
    size_t failures = run(first, count, workers < 1 ? 1 : workers > MAX_WORKERS ? MAX_WORKERS : workers);
    rmdir(directory);
    return failures ? 1 : 0;
}
