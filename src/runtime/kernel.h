/* SPDX-License-Identifier: Apache-2.0
 *
 * Kernels: what a node computes. A kernel is a function of one operator's row (onnx/graph/operator.h).
 *
 * What a kernel may rely on: all real inputs of a call have the same store (the runner converts), absent optional
 * inputs are NULL, inputs are never written to, and the function checks ranks, dims and attributes itself, since a
 * model may be wrong. What it must do: make every wanted output with call_output (or call_give), never round or wrap
 * (the runner does), allocate outside parallel regions only, give the same result for any number of threads. */
#ifndef RUNTIME_KERNEL_H
#define RUNTIME_KERNEL_H

#include "onnx/graph/attr.h"
#include "onnx/graph/operator.h"
#include "runtime/array.h"
#include "runtime/epilogue.h"
#include "runtime/team.h"

#define NO_INPUT SIZE_MAX /* a slot that no node has */

struct call {
    const struct node *node;
    const struct operator_row *row;
    size_t input_count, output_count;
    struct array **inputs;
    struct array **outputs; /* to be made; output i is wanted if node_output(node, i) */
    bool exact;             /* a double run */
    int simd_row;           /* of the instruction sets, see math/simd.h */
    enum store real;        /* the store of real inputs and outputs: F32 or F64 */
    int threads;
    struct team *team; /* of so many threads; NULL: the caller alone */
    struct array_pool *pool;
    struct run *run;           /* for control flow only */
    struct epilogue *epilogue; /* of the steps that follow, where some may join (run_epilogue); or NULL */
    struct epilogue *joins;    /* to describe itself to instead of running, of a row that joins; or NULL */
    struct tape *tape;         /* where a formula notes its steps (runtime/tape.h), or NULL */
    struct arena *scratch;     /* emptied after the call */
    struct bnfuse_error *error;
};

/* Output `slot`, to be filled; real types get call->real. One that the node does not list is there for the call. */
struct array *call_output(struct call *call, size_t slot, enum dtype type, int rank, const int64_t *dims);
/* The same of the type of `like`, texts included. */
struct array *call_output_like(struct call *call, size_t slot, const struct array *like, int rank, const int64_t *dims);
/* Before a kernel does more than read and write its arrays once: the product of `count` factors, in units of work
 * (base/memory.h). Leaves through the recovery point when the budget has less. Outside parallel regions only. */
void call_work(const struct call *call, const int64_t *factors, size_t count);
#define CALL_WORK(call, ...) \
    call_work((call), (const int64_t[]){ __VA_ARGS__ }, sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))
/* What any node costs that reads its inputs once; what it makes costs as arrays do (array_new). Kernels that do more
 * say so themselves, before they do it. */
void call_meter(const struct call *call, struct array *const *arrays, size_t count);
/* The store of real inputs: double where the run is exact, an input is DOUBLE, or an attribute asks for DOUBLE. */
enum store call_real_store(const struct call *call);
/* Hands over an array (an input kept, a reshaped input, ...) as output `slot`; the caller's ownership passes. */
void call_give(struct call *call, size_t slot, struct array *array);
bool call_wants(const struct call *call, size_t slot);
struct array *call_input(const struct call *call, size_t slot); /* NULL when absent */
/* False with a line that names the node. */
bool call_fail(struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for what the model may ask but this program does not do. */
bool call_unsupported(struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Small helpers every family needs. */
bool call_axis(struct call *call, int64_t axis, int rank, int *normal); /* -rank..rank-1 -> 0..rank-1, or fails */
/* Input `slot`, which must be there and be a tensor; fails otherwise. */
bool call_tensor(struct call *call, size_t slot, struct array **array);
/* A small whole tensor input as a list (any rank): *count elements; fails on other types. */
bool call_list(struct call *call, size_t slot, const int64_t **values, int64_t *count);
/* numpy broadcasting of two shapes; false when they do not fit. */
bool broadcast_dims(int rank_a, const int64_t *a, int rank_b, const int64_t *b, int *rank, int64_t *dims);
int64_t dims_product(const int64_t *dims, int from, int to); /* dims[from] * ... * dims[to-1] */

#endif
