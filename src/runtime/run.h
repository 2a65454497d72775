/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a graph, or a part of it: a plan computes `wanted` values from `given` ones.
 *
 * The plan is the cone of nodes between the two, in an order a run can take, with the last reader of each value known,
 * so that a run releases values as early as it can. Initializers load at their first reader, converted, and go after
 * the last. The whole graph is given = inputs, wanted = outputs; a fused site or a constant is the same with others. */
#ifndef RUNTIME_RUN_H
#define RUNTIME_RUN_H

#include "base/pointer_map.h"
#include "runtime/array.h"
#include "runtime/kernel.h"

struct plan;

/* In the arena. Fails BNFUSE_UNSUPPORTED naming the first node (in order) without a kernel, BNFUSE_INVALID on a value
 * that nothing computes. `given` may name overridable inputs; inputs with an initializer that are not given use it. */
bool plan_build(struct plan **plan, struct arena *arena, const struct net *net, struct value *const *given,
                size_t given_count, struct value *const *wanted, size_t wanted_count, struct bnfuse_error *error);

/* Weights as they are in their files, kept as arrays of the runs' pool, for runs that each make something else of
 * them. */
struct weight_bytes {
    struct {
        struct span span;
        struct array *array;
    } kept[8];
    size_t count;
};

struct run_options {
    bool exact;        /* every real value in double; else each in its own type */
    bool unrounded;    /* exact only: folded weights as computed, not as they will be stored */
    int threads;       /* 0: as many as the machine has, or as the team has members */
    struct team *team; /* for many runs, one at a time; NULL: the run starts its own */
    int simd_row;      /* 0: the widest vectors that the processor has, 1: the next, ...; for tests (math/simd.h) */
    struct memory *memory;
    struct array_pool *pool; /* of inputs and outputs */
    /* Every real tensor that the model stores is moved by up to half a unit in its last place, signs from this seed;
     * 0: not at all. Exact runs only. `unmoved` (or NULL) holds the values that stay: constants that are sizes. */
    uint64_t weight_noise;
    const struct pointer_map *unmoved;
    /* The same of every real array that a node computes, as rounding to its type would; 0: not at all. */
    uint64_t result_noise;
    enum dtype noise_type; /* the last place is that of this type: a version of lower precision. UNDEFINED: its own */
    uint64_t random_seed;  /* for RandomNormal and the like; the same seed, the same numbers */
    /* Initializers as arrays of `pool`, which a run adds to while half of the memory's limit is free, for later runs of
     * the same net that load alike (exact, unrounded, noise). NULL: a run lets each go after its last reader. */
    struct pointer_map *weights;
    struct weight_bytes *bytes; /* a run adds to it likewise; NULL: files are read each time */
    /* Called after each value of the main graph is computed, before it may be released; keep it to have it longer.
     * NULL: not called. False stops the run with *error. */
    bool (*observe)(void *context, struct value *value, struct array *array, struct bnfuse_error *error);
    void (*enter)(void *context, const struct graph *body); /* a body or function is executed; NULL: not called */
    void *context;
};

/* inputs[i] for given[i] (NULL: absent optional or initializer default); outputs[i] for wanted[i], owned by the
 * caller. */
bool plan_run(const struct plan *plan, const struct run_options *options, struct array *const *inputs,
              struct array **outputs, struct bnfuse_error *error);

/* For control flow kernels: runs a body. `arguments` for its inputs in order; `results` for its outputs, owned by the
 * caller. Captured outer values are found through the run. */
bool run_body(struct run *run, struct graph *body, struct array *const *arguments, size_t argument_count,
              struct array **results, size_t result_count, struct bnfuse_error *error);

/* For kernels, once output 0 is made and before any of it is computed: the steps that follow, as far as they can be
 * done on it in place. Who asks has to apply it to every element. NULL: none. */
const struct epilogue *run_epilogue(struct call *call, struct array *output);

/* What the run was started with; and a seed for the random numbers of a node: it depends on the name of the
 * node's first output, not on what else the graph holds. */
const struct run_options *run_settings(const struct run *run);
uint64_t run_seed(const struct run *run, const struct node *node);

/* A constant tensor as an array, as a run with these options would see it. */
bool array_from_tensor(struct array **array, const struct tensor *tensor, const struct run_options *options,
                       struct bnfuse_error *error);
/* The same for a TensorProto or SparseTensorProto of the model that the running node belongs to (attributes). `name`
 * decides the signs of weight_noise. */
bool run_load(struct run *run, const char *name, const BnfuseOnnx__TensorProto *proto, struct array **array,
              struct bnfuse_error *error);
bool run_load_sparse(struct run *run, const char *name, const BnfuseOnnx__SparseTensorProto *proto,
                     struct array **array, struct bnfuse_error *error);

#endif
