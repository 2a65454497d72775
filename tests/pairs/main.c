/* SPDX-License-Identifier: Apache-2.0
 *
 * pairs [-m MOST] [-s SEED] [-k WORD] [-v] MODEL...: options first. Makes pairs of every kind from the models, and asks
 * compare about each. A wrong pair counts once an input was found on which the outputs differ clearly in float64; MOST
 * pairs a kind and model (1). The table of kinds goes to standard output, what compare got wrong to standard error.
 * Exit status 1 when fewer than 98 of 100 wrong pairs are caught, a right one is not agreed to, or there are too few of
 * either. */
#include "check/check.h"
#include "check/measure.h"
#include "check/session.h"
#include "draft.h"
#include "onnx/graph/index.h"
#include "onnx/graph/validate.h"
#include "onnx/shape/infer.h"
#include "passes/passes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_KINDS = 256, WITNESS_SEEDS = 3, LEAST_PAIRS = 300, LEAST_WRONG_KINDS = 40, LEAST_RIGHT_KINDS = 20 };

struct tally {
    size_t pairs, right;
};

struct judge {
    const char *model;
    const void *bytes;
    size_t size;
    uint64_t seed;
    bool is_wrong, verbose;
    const struct change *change;
    struct tally *tally;
};

/* One pair while it is judged. */
struct trial {
    struct judge *judge;
    struct memory memory;
    struct arena arena;
    struct model models[2];
    struct net nets[2];
    struct draft drafts[2];
    struct bnfuse_check_result result;
    bool counts; /* the pair is what its kind says */
};

static bool find_outside(void *context, const char *location, const void **bytes, uint64_t *size)
{
    const struct draft *draft = context;
    (void)location;
    *bytes = draft->outside;
    *size = draft->outside_size;
    return draft->outside != NULL;
}

static bool open_net(struct trial *trial, int i, struct bnfuse_error *error)
{
    size_t size;
    const void *bytes = draft_pack(&trial->drafts[i], &size);
    struct net *net = &trial->nets[i];
    if (!model_read(&trial->models[i], &trial->arena, "pair", bytes, size, error)) return false;
    trial->models[i].opener = (struct opener){ find_outside, &trial->drafts[i] };
    return net_index(net, &trial->arena, &trial->models[i], error) && net_validate(net, error)
           && shape_infer(net, error);
}

/* The inputs that may tell the two apart. */
static const struct draw witnesses[] = {
    { .name = "normal", .scale = 1, .rounds = 2 }, { .name = "uniform", .form = DRAW_UNIFORM, .scale = 1, .rounds = 3 },
    { .name = "large", .scale = 20, .rounds = 1 }, { .name = "sparse", .form = DRAW_SPARSE, .scale = 5, .rounds = 2 },
    { .name = "huge", .scale = 300, .rounds = 2 }, { .name = "small", .scale = 0.05, .rounds = 2 },
};

static double far_apart(struct array *const *a, struct array *const *b, size_t count)
{
    double far = 0;
    for (size_t i = 0; i < count; i++) {
        struct bnfuse_difference d = measure(a[i], b[i]);
        far = fmax(far, d.shape_differs || d.pattern_differs ? INFINITY : d.relative);
    }
    return far;
}

/* Outputs differ by far more than a perturbation of the weights explains. */
static bool is_witness(struct session *session, struct bnfuse_error *error)
{
    size_t count = session->before.net->main->output_count;
    struct array **a = NEW_ARRAY(&session->data, struct array *, 3 * count), **b = a + count, **moved = b + count;
    bool ran = session_run(session, &session->before, EXACT_ROUNDED, 0, NULL, a, error)
               && session_run(session, &session->after, EXACT_ROUNDED, 0, NULL, b, error)
               && session_run(session, &session->before, EXACT_ROUNDED, 1, NULL, moved, error);
    double far = ran ? far_apart(a, b, count) : 0, noise = ran ? far_apart(a, moved, count) : 0;
    arrays_drop(a, 3 * count);
    return far > 1e-5 && far > 30 * noise;
}

/* The first model runs, on whatever. */
static bool runs(struct trial *trial)
{
    struct check_options options = { .asked.seed = 1, .asked.threads = 1, .memory = &trial->memory };
    struct session *session = session_open(&trial->arena, &trial->nets[0], &trial->nets[0], &options);
    struct bnfuse_error error;
    bool ran = false, guessed = true;
    for (size_t k = 0; session_plan(session, &error) && !ran && guessed && k < guess_count; k++) {
        if (!session_feed(session, &guesses[k], &witnesses[0], &guessed, &error)) break;
        struct array **outputs = NEW_ARRAY(&session->data, struct array *, trial->nets[0].main->output_count);
        ran = session_run(session, &session->before, EXACT_ROUNDED, 0, NULL, outputs, &error);
        arrays_drop(outputs, trial->nets[0].main->output_count);
    }
    session_close(session);
    return ran;
}

static bool find_witness(struct trial *trial)
{
    for (uint64_t seed = 0; seed < WITNESS_SEEDS; seed++) {
        struct check_options options = { .asked.seed = 1000 + seed, .asked.threads = 1, .memory = &trial->memory };
        struct session *session = session_open(&trial->arena, &trial->nets[0], &trial->nets[1], &options);
        struct bnfuse_error error;
        bool found = false, guessed = true;
        for (size_t i = 0; session_plan(session, &error) && !found && i < sizeof witnesses / sizeof *witnesses; i++)
            for (size_t k = 0; !found && guessed && k < 4; k++)
                found = session_feed(session, &guesses[(k + 2) % guess_count], &witnesses[i], &guessed, &error)
                        && is_witness(session, &error);
        session_close(session);
        if (found) return true;
    }
    return false;
}

static bool make_pair(struct trial *trial, struct bnfuse_error *error)
{
    struct judge *judge = trial->judge;
    for (int i = 0; i < 2; i++)
        if (!draft_open(&trial->drafts[i], &trial->arena, judge->bytes, judge->size, judge->seed)) return false;
    const struct change *change = judge->change;
    for (int i = 0; i < 2; i++)
        if (change->prepare && !change->prepare(&trial->drafts[i])) return false;
    return change->apply(&trial->drafts[1], change) && open_net(trial, 0, error) && open_net(trial, 1, error)
           && (judge->is_wrong ? find_witness(trial) : runs(trial));
}

static bool judge_pair(void *context, struct bnfuse_error *error)
{
    struct trial *trial = context;
    struct check_options options = {
        .asked.seed = 20, .asked.atol = 1e-5, .asked.rtol = 1e-3, .asked.threads = 1, .memory = &trial->memory
    };
    options.is_unrelated = true;
    trial->counts = make_pair(trial, error);
    return trial->counts && check_compare(&trial->nets[0], &trial->nets[1], &options, &trial->result, error);
}

static bool is_agreement(const struct bnfuse_check_result *result)
{
    return result->verdict != BNFUSE_VERDICT_FAIL && result->verdict != BNFUSE_VERDICT_CANNOT_TELL
           && result->verdict != BNFUSE_VERDICT_NOT_CHECKED;
}

static void count_pair(struct judge *judge)
{
    struct trial *trial = calloc(1, sizeof *trial);
    struct bnfuse_error error = { .status = BNFUSE_OK };
    trial->judge = judge;
    arena_open(&trial->arena, &trial->memory);
    bool judged = guarded(&trial->memory, judge_pair, trial, &error);
    if (trial->counts) {
        const struct bnfuse_check_result *result = &trial->result;
        bool right = judged && (judge->is_wrong ? result->verdict == BNFUSE_VERDICT_FAIL : is_agreement(result));
        judge->tally->pairs++;
        judge->tally->right += right;
        if (!right || judge->verbose)
            fprintf(stderr, "%s: %s, %s, seed %llu, %s: %d %s\n", right ? "good" : "MISS", judge->model,
                    judge->change->kind, (unsigned long long)judge->seed, trial->drafts[1].what, (int)result->verdict,
                    judged ? result->why : error.message);
    }
    arena_close(&trial->arena);
    free(trial);
}

static const void *read_model(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) return NULL;
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size + 1);
    bool read = bytes && fread(bytes, 1, *size, file) == *size;
    fclose(file);
    return read ? bytes : NULL;
}

static void print_table(const char *title, const struct change *changes, size_t count, const struct tally *tallies,
                        struct tally *sum, size_t *kinds)
{
    printf("| %s | pairs | right verdicts |\n|---|--:|--:|\n", title);
    for (size_t i = 0; i < count; i++) {
        if (tallies[i].pairs) printf("| %s | %zu | %zu |\n", changes[i].kind, tallies[i].pairs, tallies[i].right);
        *kinds += tallies[i].pairs > 0;
        sum->pairs += tallies[i].pairs;
        sum->right += tallies[i].right;
    }
    printf("| **%zu kinds** | **%zu** | **%zu** |\n\n", *kinds, sum->pairs, sum->right);
}

struct settings {
    uint64_t most, seed;
    const char *word;
    bool verbose;
};

static void pair_model(const char *path, const struct settings *settings, struct tally *wrong, struct tally *right)
{
    size_t size;
    const void *bytes = read_model(path, &size);
    for (size_t i = 0; bytes && i < wrong_change_count + right_change_count; i++) {
        bool is_wrong = i < wrong_change_count;
        const struct change *change = is_wrong ? &wrong_changes[i] : &right_changes[i - wrong_change_count];
        struct tally *tally = is_wrong ? &wrong[i] : &right[i - wrong_change_count];
        if (settings->word && !strstr(change->kind, settings->word)) continue;
        for (uint64_t n = 0; n < settings->most; n++)
            count_pair(
                &(struct judge){ path, bytes, size, settings->seed + n, is_wrong, settings->verbose, change, tally });
    }
    free((void *)bytes);
}

int main(int argc, char **argv)
{
    static struct tally wrong[MOST_KINDS], right[MOST_KINDS];
    struct settings settings = { .most = 1, .seed = 1 };
    struct tally caught = { 0, 0 }, agreed = { 0, 0 };
    size_t wrong_kinds = 0, right_kinds = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-m") == 0 && i + 1 < argc) settings.most = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "-s") == 0 && i + 1 < argc) settings.seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "-k") == 0 && i + 1 < argc) settings.word = argv[++i];
        else if (strcmp(argv[i], "-v") == 0) settings.verbose = true;
        else pair_model(argv[i], &settings, wrong, right);
    }
    print_table("wrong", wrong_changes, wrong_change_count, wrong, &caught, &wrong_kinds);
    print_table("right", right_changes, right_change_count, right, &agreed, &right_kinds);
    bool enough = caught.pairs >= LEAST_PAIRS && agreed.pairs >= LEAST_PAIRS && wrong_kinds >= LEAST_WRONG_KINDS
                  && right_kinds >= LEAST_RIGHT_KINDS;
    bool good = enough && 100 * caught.right >= 98 * caught.pairs && agreed.right == agreed.pairs;
    return settings.word ? 0 : !good;
}
