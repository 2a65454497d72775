/* SPDX-License-Identifier: Apache-2.0
 *
 * bnfuse: fold BatchNormalization out of ONNX models, exactly, and prove it.
 *
 * The whole library in the order of its use: load, fuse, report, check, write, free; and run, compare, read and write
 * tensors beside it.
 *
 * Ownership: whatever hangs off a handle belongs to the handle and lives until the handle is freed; strings and
 * structs that functions return are never freed by the caller. Options are read during the call only.
 * Errors: a function that can fail returns false (or NULL) and fills the caller's bnfuse_error, whose message is one
 * printable line that names file, node and next step. NULL may be passed for the error when it is of no interest.
 * Text: names in results are as the model has them, which may be any bytes; bnfuse_escape makes them fit to print.
 * Threads: a handle belongs to one thread at a time; different handles are independent. */
#ifndef BNFUSE_H
#define BNFUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BNFUSE_VERSION "0.1.0"

/* How a call, and the program, ended. The numbers are the program's exit statuses. */
typedef enum bnfuse_status {
    BNFUSE_OK = 0,
    BNFUSE_DIFFER = 1,      /* the two models compute different things */
    BNFUSE_USAGE = 2,       /* wrong use, or a file that cannot be read or written */
    BNFUSE_INVALID = 3,     /* the model is not a valid ONNX model */
    BNFUSE_UNSUPPORTED = 4, /* the check cannot be made */
    BNFUSE_POLICY = 5,      /* --strict or --require not met */
    BNFUSE_INTERNAL = 70,   /* out of memory, or a bug of ours */
    BNFUSE_TIMEOUT = 124
} bnfuse_status;

typedef struct bnfuse_error {
    bnfuse_status status;
    char message[1024];
} bnfuse_error;

/* Called now and then from a function that takes long, with the share of its work done, 0..1. */
typedef void (*bnfuse_progress)(void *context, double done);

/* Copies `text` to `to` (size bytes, always terminated) with everything but printable characters escaped. */
void bnfuse_escape(char *to, size_t size, const char *text);

/* ---- a model ---- */

typedef struct bnfuse_model bnfuse_model;

/* Reads a model file; "-" is standard input. Weights stay in the file, which must not change until the model is freed.
 * At most `memory_limit` bytes of memory are used for the model and all that is done with it; 0: no limit.
 * NULL: BNFUSE_USAGE (no such file), BNFUSE_INVALID (no such model), BNFUSE_INTERNAL (no memory). */
bnfuse_model *bnfuse_load(const char *path, size_t memory_limit, bnfuse_error *error);
/* The same for bytes in memory, which must outlive the model. `name` stands for the file in messages. */
bnfuse_model *bnfuse_read(const char *name, const void *bytes, size_t size, size_t memory_limit, bnfuse_error *error);
void bnfuse_free(bnfuse_model *model);

/* ---- fusing ---- */

typedef struct bnfuse_fuse_options {
    bool freeze_weights;        /* initializers that are graph inputs too count as constants */
    bool assume_inference;      /* training-mode BatchNormalization counts as inference */
    bool lower_mul_add;         /* what stays becomes Mul and Add */
    bool any_opset;             /* go on (and leave alone what is unknown) when the model's opset is newer than ours */
    uint64_t fold_limit;        /* bytes the model may grow by */
    const char *const *enabled; /* "relu-scale", "bn-before-padded-conv" */
    size_t enabled_count;
    const char *const *disabled; /* passes left out, see bnfuse_get_pass */
    size_t disabled_count;
    const char *const *skipped; /* names of nodes left alone */
    size_t skipped_count;
    bnfuse_progress progress; /* NULL: not called */
    void *context;
} bnfuse_fuse_options;

/* The defaults: nothing optional, a fold limit of 256 MiB. */
void bnfuse_fuse_options_init(bnfuse_fuse_options *options);

/* Folds every BatchNormalization that can be folded exactly. The file is not touched. Once per model. */
bool bnfuse_fuse(bnfuse_model *model, const bnfuse_fuse_options *options, bnfuse_error *error);

/* One BatchNormalization of the model as it was loaded. No string is NULL; they are "" where they do not apply. */
typedef struct bnfuse_remark {
    const char *node;    /* its name, or that of its output when it has none */
    const char *output;  /* its output's name */
    const char *scope;   /* the bodies or function it is in */
    const char *outcome; /* "folded", "merged", "removed", "lowered" or "stays" */
    int code;            /* why it stays: 101, 102, ...; 0 otherwise */
    const char *reason;  /* the fixed text of the code */
    const char *help;    /* what would help, if anything */
    const char *where;   /* folded into this; or what is in the way */
    const char *detail;
    const char *path; /* operators tried or crossed */
} bnfuse_remark;

typedef struct bnfuse_op_count {
    const char *op; /* domain.op outside ai.onnx */
    int64_t before, after;
} bnfuse_op_count;

typedef struct bnfuse_size {
    int64_t nodes;      /* inner graphs and functions included */
    int64_t parameters; /* elements of initializers */
    uint64_t bytes;     /* of the model file; after fusing: 0 until it is written */
} bnfuse_size;

typedef struct bnfuse_report {
    const bnfuse_remark *remarks; /* in file order */
    size_t remark_count;
    size_t folded, left;        /* BatchNormalizations gone, and still in the model */
    const bnfuse_op_count *ops; /* sorted by name; operators whose count is 0 on both sides do not appear */
    size_t op_count;
    bnfuse_size before, after;
    int64_t multiply_adds_saved; /* a run, as far as shapes are known */
    uint64_t grown;              /* bytes of clones and computed constants */
    const char *const *notes;    /* further lines worth telling */
    size_t note_count;
} bnfuse_report;

/* NULL before bnfuse_fuse. */
const bnfuse_report *bnfuse_get_report(const bnfuse_model *model);

/* Why a BatchNormalization stays: every code there is. */
typedef struct bnfuse_reason {
    int code;
    const char *name, *text, *help;
} bnfuse_reason;
const bnfuse_reason *bnfuse_reasons(size_t *count);
/* The passes in running order, from 0; false beyond the last. */
typedef struct bnfuse_pass {
    const char *name, *why;
    bool optional;
} bnfuse_pass;
bool bnfuse_get_pass(size_t i, bnfuse_pass *pass);

/* ---- tensors ---- */

/* A list of named tensors: inputs for a run or a check, outputs of a run. */
typedef struct bnfuse_tensors bnfuse_tensors;

typedef struct bnfuse_tensor {
    const char *name;
    int type; /* TensorProto.DataType; 0: it is no tensor (a sequence or an absent optional) */
    int rank;
    const int64_t *dims;
    int64_t count;     /* the product of dims */
    const void *bytes; /* packed little-endian elements as in raw_data; NULL for strings */
    const char *const *strings;
} bnfuse_tensor;

bnfuse_tensors *bnfuse_tensors_new(void); /* never NULL but when memory is exhausted */
void bnfuse_tensors_free(bnfuse_tensors *tensors);
/* Adds what a file holds. `name` is the tensor's name; NULL where the file says it:
 *   FILE.npy, FILE.pb    one value; a .pb is read as the type that the model declares for `name`
 *   FILE.npz             the tensors of the archive, by their names there
 *   DIR                  input_0.pb, input_1.pb, ... for the model's inputs in order (initializers left out) */
bool bnfuse_tensors_read(bnfuse_tensors *tensors, const bnfuse_model *model, const char *name, const char *path,
                         bnfuse_error *error);
/* Adds output_0.pb, output_1.pb, ... of DIR, as many as there are, under the names of the model's outputs. */
bool bnfuse_tensors_read_outputs(bnfuse_tensors *tensors, const bnfuse_model *model, const char *directory,
                                 bnfuse_error *error);
/* Adds a tensor from memory; everything is copied. The count of bytes follows from type and dims. */
bool bnfuse_tensors_add(bnfuse_tensors *tensors, const bnfuse_tensor *tensor, bnfuse_error *error);
/* Whether each expected tensor is in `tensors` and within |a-b| <= atol + rtol*|b|; if not, BNFUSE_DIFFER with the
 * first that is not. */
bool bnfuse_tensors_agree(const bnfuse_tensors *expected, const bnfuse_tensors *tensors, double atol, double rtol,
                          bnfuse_error *error);
size_t bnfuse_tensors_count(const bnfuse_tensors *tensors);
bnfuse_tensor bnfuse_tensors_get(const bnfuse_tensors *tensors, size_t i);
/* To an existing DIR as output_0.pb, output_1.pb, ... (outputs of a run of this model); to FILE.npz; or to FILE.npy
 * when there is just one. */
bool bnfuse_tensors_write(const bnfuse_tensors *tensors, const bnfuse_model *model, const char *path,
                          bnfuse_error *error);

/* Runs the model as it is now, in its own types (or, exact, all real numbers in double). The outputs in their order;
 * free them. NULL: BNFUSE_USAGE when an input is missing, BNFUSE_UNSUPPORTED when an operator cannot run. */
bnfuse_tensors *bnfuse_run(bnfuse_model *model, const bnfuse_tensors *inputs, bool exact, int threads,
                           bnfuse_error *error);

/* ---- checking ---- */

typedef enum bnfuse_verdict {
    BNFUSE_VERDICT_IDENTICAL, /* nothing changed: equal graphs */
    BNFUSE_VERDICT_PASS,
    BNFUSE_VERDICT_PASS_ROUNDING, /* beyond the tolerance, but by rounding alone */
    BNFUSE_VERDICT_PASS_SITES,    /* every change proven by itself; the whole graph cannot run */
    BNFUSE_VERDICT_FAIL,
    BNFUSE_VERDICT_ILL_CONDITIONED, /* every change proven by itself; the model amplifies rounding */
    BNFUSE_VERDICT_NOT_CHECKED,
    /* Of two unrelated models. */
    BNFUSE_VERDICT_EQUAL,                /* other graphs, and equal bit for bit on what was tried */
    BNFUSE_VERDICT_PASS_LOWER_PRECISION, /* they differ by what the precision that was asked for explains */
    BNFUSE_VERDICT_CANNOT_TELL           /* rounding leaves too much open to say whether they differ */
} bnfuse_verdict;

/* How far one tensor is from another (a sequence: over all its tensors). */
typedef struct bnfuse_difference {
    double largest;          /* max |a-b| */
    double relative;         /* largest / max |a|; largest itself where a is all zero */
    double root_mean_square; /* of a-b, relative to that of a */
    int64_t at;              /* flat index of the largest */
    bool shape_differs;      /* or the type: then nothing else is measured */
    bool pattern_differs;    /* NaN or infinity in one and not in the other; strings that differ */
    bool degenerate;         /* a was constant or saturated on all inputs tried: agreement proves little */
    bool near_overflow;      /* numbers so near the end of double that infinities are no mistake */
    int64_t compared;        /* finite elements of both, and strings */
} bnfuse_difference;

/* A place where the graph changed, checked by itself in float64. */
typedef struct bnfuse_site {
    const char *value;    /* the value that has to stay the same */
    const char *node;     /* what computes it now */
    const char *scope;    /* the bodies or function it is in: "" for the main graph */
    bool checked;         /* false: it could not be run, see why */
    bool ill_conditioned; /* it differs, yet within what float64 can tell of the original itself */
    const char *why;
    bnfuse_difference difference;
    double noise; /* of unrelated models: what half a unit in the last place of its weights explains */
} bnfuse_site;

typedef struct bnfuse_output {
    const char *name;
    bnfuse_difference algebra;    /* in float64, weights unrounded */
    bnfuse_difference rounding;   /* in float64, weights as they are stored */
    bnfuse_difference deployment; /* in the model's own types */
    double noise; /* relative: what half a unit in the last place of every weight does; < 0: not measured */
    double truth_before, truth_after; /* distance of each model from float64, root mean square */
    bool within_tolerance;
    bool heals; /* the first overflows its type where float64 and the second do not */
} bnfuse_output;

typedef struct bnfuse_check_result {
    bnfuse_verdict verdict;
    const char *why;             /* one line when not a plain pass: node, value, what; else "" */
    const char *first_divergent; /* the first value that differs, or NULL */
    bnfuse_site *sites;
    size_t site_count, sites_checked;
    double worst_site;      /* largest relative difference of a site */
    bnfuse_output *outputs; /* none when the whole graph did not run */
    size_t output_count;
    uint64_t seed;
    size_t set_count;        /* sets of inputs that were run */
    const char *inputs;      /* what they looked like: x float32 [2, 3, 224, 224], ... */
    const char *last_agreed; /* of unrelated models: the value upstream of first_divergent, or NULL */
    const char *note;        /* how inputs and outputs were paired, where not by name; else "" */
} bnfuse_check_result;

/* Sizes for dims that the model leaves open: by the name of the dim, or all of one input. */
typedef struct bnfuse_dim {
    const char *name;
    int64_t size;
} bnfuse_dim;
typedef struct bnfuse_shape {
    const char *name;
    int rank;
    const int64_t *dims;
} bnfuse_shape;

typedef struct bnfuse_check_options {
    uint64_t seed;                     /* of random inputs */
    double atol, rtol;                 /* |a-b| <= atol + rtol*|b| in the model's own types */
    int threads;                       /* 0: as many as the machine has */
    bool full;                         /* proof of every site is not enough: the whole graph must run */
    const bnfuse_tensors *const *sets; /* sets of inputs; what they leave out is random. None: one random set */
    size_t set_count;
    const bnfuse_dim *dims;
    size_t dim_count;
    const bnfuse_shape *shapes;
    size_t shape_count;
    bnfuse_progress progress; /* NULL: not called */
    void *context;
} bnfuse_check_options;

/* The defaults: a fixed seed, atol 1e-5, rtol 1e-3, one random set. */
void bnfuse_check_options_init(bnfuse_check_options *options);

/* The fused model against the one that was loaded. False only when the check itself fails: a difference is a
 * verdict. */
bool bnfuse_check(bnfuse_model *model, const bnfuse_check_options *options, bnfuse_check_result *result,
                  bnfuse_error *error);
/* Two models with the same inputs and outputs, as they are now. The result belongs to b. */
bool bnfuse_compare(bnfuse_model *a, bnfuse_model *b, const bnfuse_check_options *options, bnfuse_check_result *result,
                    bnfuse_error *error);
const char *bnfuse_verdict_text(bnfuse_verdict verdict);
/* The program's exit status for a verdict. */
bnfuse_status bnfuse_verdict_status(bnfuse_verdict verdict);

/* ---- writing ---- */

/* Writes the model as it is now; "-" is standard output. The target is replaced atomically, or not at all; it may be
 * the file that was loaded. `external_data` (or NULL) names a file beside it for all tensors of 1 KiB and more. */
bool bnfuse_write(bnfuse_model *model, const char *path, const char *external_data, bnfuse_error *error);

#ifdef __cplusplus
}
#endif
#endif
