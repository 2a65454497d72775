/* SPDX-License-Identifier: Apache-2.0
 *
 * Which values of two unrelated models are the same, and what has to be proven for it.
 *
 * A *class* is what a value is computed by, as a hash over operator, attributes, constants and the classes of the
 * inputs, names left out: values of one class are equal bit for bit. Where the classes part, *samples* of what both
 * models computed on the draws find the value of `a` that one of `b` agrees with. Such a pair is a *segment* to be
 * proven (struct site): from the nearest pairs upstream to the value, in both models. Once it is taken for granted, the
 * classes downstream of it agree again. A pair of equal names, or of equal operators at equal places, that the samples
 * do not confirm is a *guess*: it says where two models part, and by itself it is no proof of anything. */
#ifndef CHECK_PAIR_H
#define CHECK_PAIR_H

#include "base/pointer_map.h"
#include "check/fingerprint.h"
#include "check/sample.h"
#include "check/site.h"

struct pairing {
    struct arena *arena;
    const struct net *a, *b;
    bool any_real; /* an input or output of b may be of real numbers of another type than its partner */
    /* Inputs and outputs of b, in b's order, as values of a; NULL: an input with a default that a does not have. */
    struct value **inputs, **outputs;
    const char *note; /* how they were paired, where not by name; else "" */
    struct pointer_map *traces;
    struct trace *all;    /* of both models */
    struct trace **known; /* of a's main graph, computed, in its order */
    size_t known_count;
    struct class_table *classes; /* of a */
    struct class_table *forms;   /* of `known` */
    struct pointer_map *ends;    /* the partners of b's outputs */
    uint64_t *work;              /* left for looking for pairs, none are found beyond; NULL: no limit */
    struct fingerprints prints;
    struct site *first, **last;
};

/* Pairs the inputs and outputs. BNFUSE_DIFFER with what does not fit. */
bool pairing_open(struct pairing *pairing, struct arena *arena, const struct net *a, const struct net *b, bool any_real,
                  struct bnfuse_error *error);
/* Whether every output of b has the class of its partner: the graphs are equal but for names and order. */
bool pairing_is_identical(struct pairing *pairing);
/* Keeps samples of an array that a run of either model made. */
void pairing_sample(struct pairing *pairing, struct value *value, const struct array *array);
/* The segments, in b's order; marks of both nets are used, and NULL afterwards. Again, with more samples: anew. */
struct site *pairing_find(struct pairing *pairing);
/* Whether some of the pairs were none: one value of `a` was taken for several of b, and a segment says that it is not
 * one of them. Samples of that one do not count any more; the search is to be made anew. */
bool pairing_refute(struct pairing *pairing, const struct site *sites);
/* Instead, where an operator cannot be run: nodes of such operators are paired, those of equal attributes, by the names
 * of their outputs or because there is only one. What they read, and the outputs, is to be proven; what they give for
 * equal inputs is taken to be equal. */
struct site *pairing_find_around(struct pairing *pairing);
/* More of them, after it: guesses, for the blame where the outputs differ. Only these. */
struct site *pairing_guess(struct pairing *pairing);
/* Whether the value of b is that of a which it is paired with: by its class, or by proven segments. */
bool pairing_is_matched(const struct pairing *pairing, const struct value *value);

#endif
