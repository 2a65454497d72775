/* SPDX-License-Identifier: Apache-2.0
 *
 * Operands to jobs. */
#include "cli/plan.h"

#include "cli/job.h"

#include <stdlib.h>
#include <string.h>

/* Which of `count` shards, from 0, a name falls into: the same on every machine and in every version. FNV-1a, 64 bits;
 * the low bits of its sum are poor, so the halves are folded. */
static uint64_t shard_of(const char *name, uint64_t count)
{
    uint64_t sum = 0xcbf29ce484222325u;
    while (strncmp(name, "./", 2) == 0) name += 2;
    for (; *name; name++) sum = (sum ^ (unsigned char)*name) * 0x100000001b3u;
    return (sum ^ sum >> 32) % count;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Refuses a list in which two of the texts are equal. The list is sorted. */
static bool are_distinct(const char **texts, size_t count, const char *why, bnfuse_error *error)
{
    qsort(texts, count, sizeof *texts, by_text);
    for (size_t i = 1; i < count; i++)
        if (strcmp(texts[i - 1], texts[i]) == 0) return usage(error, "%s: %s", texts[i], why);
    return true;
}

static bool models_are_distinct(const struct settings *settings, bnfuse_error *error)
{
    const bnfuse_names *operands = &settings->operands;
    const char **texts = calloc(operands->count + 1, sizeof *texts);
    if (!texts) return out_of_memory(error);
    memcpy(texts, operands->names, operands->count * sizeof *texts);
    bool distinct = are_distinct(texts, operands->count, "is given twice", error);
    for (size_t i = 0; i < operands->count; i++) texts[i] = base_name(operands->names[i]);
    distinct = distinct
               && (!settings->out_dir
                   || are_distinct(texts, operands->count,
                                   "two models have this name, and --out-dir would write one over the other; "
                                   "use a folder for each",
                                   error));
    free(texts);
    return distinct;
}

static size_t path_room(const struct settings *settings, const char *operand)
{
    return strlen(settings->out_dir) + strlen(base_name(operand)) + 2;
}

/* The file for each operand, in the folder of --out-dir. */
static bool make_paths(struct plan *plan, const struct settings *settings)
{
    size_t room = 0;
    for (size_t i = 0; i < plan->count; i++) room += path_room(settings, plan->jobs[i].operands[0]);
    char *at = plan->paths = malloc(room + 1);
    for (size_t i = 0; at && i < plan->count; i++) {
        const char *operand = plan->jobs[i].operands[0];
        sprintf(at, "%s/%s", settings->out_dir, base_name(operand));
        plan->jobs[i].output = at;
        at += path_room(settings, operand);
    }
    return plan->paths != NULL;
}

bool plan_open(struct plan *plan, const struct settings *settings, bnfuse_error *error)
{
    size_t each = command_jobs[settings->command].models;
    *plan = (struct plan){ .given = settings->operands.count / each };
    if (each == 1 && !models_are_distinct(settings, error)) return false;
    plan->jobs = calloc(plan->given + 1, sizeof *plan->jobs);
    if (!plan->jobs) return out_of_memory(error);
    for (size_t i = 0; i < plan->given; i++) {
        const char *const *operands = settings->operands.names + i * each;
        if (settings->shard.count && shard_of(operands[0], settings->shard.count) + 1 != settings->shard.index)
            continue;
        plan->jobs[plan->count++] = (struct planned_job){ operands, settings->dry_run ? NULL : settings->output };
    }
    return !settings->out_dir || settings->dry_run || make_paths(plan, settings) || out_of_memory(error);
}

void plan_close(struct plan *plan)
{
    free(plan->jobs);
    free(plan->paths);
}
