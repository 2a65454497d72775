/* SPDX-License-Identifier: Apache-2.0
 *
 * Two unrelated models on their way to a verdict: what their outputs were on all draws (comparison_draws.c), and what
 * follows from it and from the segments (comparison_verdict.c). compare.c goes through it. */
#ifndef CHECK_COMPARISON_H
#define CHECK_COMPARISON_H

#include "check/metrics.h"
#include "check/pair.h"
#include "check/prove.h"
#include "check/session.h"

/* What all draws said of one output. */
struct score {
    size_t partner; /* the output of b */
    struct metrics metrics;
    double excess;             /* difference over what is explained, the worst */
    double native_a, native_b; /* the largest distance from float64, relative */
    double least;              /* the least perturbation that a draw had; < 0: not measured */
    size_t clear, unclear;     /* draws that told, and draws that perturbation fills */
    bool first_unclear;
};

struct comparison {
    struct session *session;
    struct bnfuse_check_result *result;
    struct pairing pairing;
    struct score *scores; /* an output of a each */
    bool equal;           /* bit for bit, in the models' own types */
    const struct guess *guess;
    bool is_open; /* a dim of an input had to be guessed */
    int beyond;   /* so many draws of anything give other numbers */
    struct prover prover;
    const struct site *blamed; /* the segment of the verdict */
    const char *broken;        /* b did not run where a did */
};

/* Which draws: those that tell most; of them those of other sizes; the rest. */
enum draw_stage { DRAWS_FIRST, DRAWS_OF_OTHER_SIZES, DRAWS_REST };

/* The outputs on the first draw, or on the sets that the user gave. False when either model cannot run. */
bool compare_first_draw(struct comparison *comparison, struct bnfuse_error *error);
/* The same on more of them; on none where the user gave sets. */
bool compare_draws(struct comparison *comparison, enum draw_stage stage, struct bnfuse_error *error);
/* Feeds the first draw, or the first set, again, for a run of one model. */
bool compare_feed_first(struct comparison *comparison, struct bnfuse_error *error);
/* Below this, relative to its scale, a difference of an output is nobody's: by its type, or by the precision asked
 * for. */
double comparison_resolution(const struct comparison *comparison, const struct array *array);
/* Room for what an output list is run into, until the session's data go. */
struct array **output_list(struct session *session, size_t count);

/* ---- the verdict ---- */

bool settle(struct bnfuse_check_result *result, enum bnfuse_verdict verdict, const char *why);
/* The first segment that is wrong; `any`: guesses too; `hidden`: those too that what follows hides. */
const struct site *first_mistake(const struct site *sites, bool any, bool hidden);
/* Fails by it, with `how` before what it says. */
bool fail_by_segment(struct comparison *comparison, const struct site *site, const char *how);
/* Whether the outputs are proven equal, whatever comes in. */
bool is_proven(const struct comparison *comparison, const struct site *sites);
bool is_any_output_different(const struct comparison *comparison);
/* From the scores and the segments. */
void judge(struct comparison *comparison, const struct site *sites);

#endif
