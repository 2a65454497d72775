/* SPDX-License-Identifier: Apache-2.0
 *
 * The structs of the public handles, for bnfuse.c and the files beside this one. */
#ifndef API_HANDLES_H
#define API_HANDLES_H

#include "api/options.h"
#include "io/bytes.h"
#include "io/datum.h"
#include "onnx/write/write.h"
#include "passes/passes.h"

/* The files that a model's bytes come from. */
struct sources {
    const char **paths; /* its own, where it has one, then those of its external data, each once */
    size_t count;
    uint64_t bytes; /* in all of them */
};

struct bnfuse_model {
    struct memory memory;
    struct arena arena;
    const char *name; /* the file, for messages */
    struct model model;
    struct sources sources;
    struct net after;  /* as the passes left it */
    struct net before; /* as it was read, once that was asked for (indexes.c) */
    bool has_before;
    bool is_fused;          /* passes have run */
    bool has_default_limit; /* of memory */
    bool is_calibrated;     /* its statistics are new: `before` is another model */
    bool assumes_inference; /* both are changed so (passes/inference.h) */
    bool is_inferred;       /* shapes of `after` were inferred before any pass ran */
    bool is_broken;         /* a pass stopped half-way (or is about to): `after` is of no use */
    bool is_fusing;         /* passes run: between two of them `after` can be printed */
    bool is_unread;         /* fused without a look at the weights, and not written yet */
    struct op_tallies *ops; /* private to summary.c, as the next five */
    struct channel_list *channels;
    const char **notes;
    size_t note_count;
    uint64_t bytes_read; /* of the file and of its external data */
    bool has_grown;      /* and a note says so */
    bnfuse_report report;
    struct node_list {
        const bnfuse_node *nodes;
        size_t count;
        bool is_made;
    } lists[2];         /* before, after */
    struct draft draft; /* prepared and not committed yet, if it is open */
};

struct bnfuse_tensors {
    struct memory memory;
    struct arena arena;
    struct datum *data;
    bnfuse_tensor **views; /* the same for callers */
    size_t count, space;
    struct arena scratch;         /* of what is pending */
    struct pending_files pending; /* prepared, not committed; without an arena when there is nothing */
};

/* Whether a model that a caller passed is none, or its fusing failed; says so. */
bool is_unfit(const struct bnfuse_model *model, const char *name, struct bnfuse_error *error);
/* Whether a pointer that a caller passed is none; says so with the name of the parameter. */
bool is_missing(const void *pointer, const char *name, struct bnfuse_error *error);

/* Puts the file's name before an error that does not have it: messages from below know the node only. Returns
 * `good`. */
bool error_with_name(const struct bnfuse_model *model, bool good, struct bnfuse_error *error);

/* All within a guarded call. The index of the model as it was read: `after` until something is to edit it, then
 * `before`. NULL when that fails. */
const struct net *index_as_read(struct bnfuse_model *model, struct bnfuse_error *error);
/* What the fused model is held against: the one that was read. Where the fold took a function apart that cannot run,
 * that is taken apart in it too, so that what surrounds the unknown operator can be proven. NULL when that fails. */
const struct net *index_to_check(struct bnfuse_model *model, struct bnfuse_error *error);
/* Gives `after` its shapes, unless passes have done so. */
bool index_with_shapes(struct bnfuse_model *model, struct bnfuse_error *error);

/* Fills model->report: first from `after` before the passes run, then from what they say and have made of it. */
void summarize_before(struct bnfuse_model *model);
void summarize_after(struct bnfuse_model *model, const struct pass_report *from);
/* So many bytes are written, and every weight has been read for that after all. */
void note_written(struct bnfuse_model *model, uint64_t bytes);

void sources_find(struct sources *sources, const struct model *model);

/* The most that anything may take by default. */
size_t limit_most(void);
/* The model's limit: 0 for the default, SIZE_MAX for none. */
void limit_set(struct bnfuse_model *model, size_t asked);
/* A default is from now on that of a model of this size. */
void limit_narrow(struct bnfuse_model *model);
/* A default is the largest from now on: data or sizes that the caller gives may be as large as he likes. */
void limit_widen(struct bnfuse_model *model);
/* What is left of the model's limit for data that the caller gives. */
size_t limit_left(const struct bnfuse_model *model);

/* What these lists take. It counts against a model's limit while they are used with it. */
size_t tensors_bytes(const struct bnfuse_tensors *const *sets, size_t count);
/* One more tensor, under a copy of this name; what the datum points to must live as long as the list. */
void tensors_append(struct bnfuse_tensors *tensors, const char *name, const struct datum *datum);
/* NULL when there is none of this name. */
const struct datum *tensors_find(const struct bnfuse_tensors *tensors, const char *name);

#endif
