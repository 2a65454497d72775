/* SPDX-License-Identifier: Apache-2.0
 *
 * bnfuse: fold BatchNormalization out of ONNX models, exactly, and prove it.
 *
 * The whole library in the order of its use: load, fuse, report, check, write, free; and run, compare, print, read and
 * write tensors beside it.
 *
 * Names: bnfuse_load takes a file, bnfuse_read takes bytes; bnfuse_tensors_load and bnfuse_tensors_add likewise.
 * Ownership: what a function returns by pointer belongs to the handle it came from and lives until that handle is
 * freed; only handles (and what bnfuse_write_bytes returns) are freed by the caller. Options are read during the call
 * only.
 * Errors: a function that can fail returns false (or NULL) and fills the caller's bnfuse_error, whose message is one
 * printable line that names file, node and next step. NULL may be passed for the error when it is of no interest.
 * NULL: for options it means the defaults. Anywhere else where a pointer is needed it is an error like any other
 * (BNFUSE_USAGE); functions without an error return false, 0, NULL or "".
 * Text: names in results are as the model has them, which may be any bytes; bnfuse_escape makes them fit to print.
 * Threads: a handle belongs to one thread at a time; different handles are independent.
 * Growth: options start with their size, which bnfuse_*_init sets. They and all structs that are handed out by pointer
 * grow at their ends only, and lists hold pointers, so a program keeps working with a newer library. bnfuse_error,
 * bnfuse_names, bnfuse_dim, bnfuse_shape, bnfuse_size, bnfuse_difference and bnfuse_tensor never change. */
#ifndef BNFUSE_H
#define BNFUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BNFUSE_VERSION_MAJOR 0
#define BNFUSE_VERSION_MINOR 1
#define BNFUSE_VERSION_PATCH 0
#define BNFUSE_VERSION       "0.1.0"

#ifdef __GNUC__
#define BNFUSE_API __attribute__((visibility("default")))
#else
#define BNFUSE_API
#endif

/* The version of the library that runs, "0.1.0"; BNFUSE_VERSION is that of this header. */
BNFUSE_API const char *bnfuse_version(void);

/* How a call, and the program, ended. The numbers are the program's exit statuses. */
typedef enum bnfuse_status {
    BNFUSE_OK = 0,
    BNFUSE_DIFFER = 1,      /* the two models compute different things */
    BNFUSE_USAGE = 2,       /* wrong use, or a file that cannot be read or written */
    BNFUSE_INVALID = 3,     /* the model is not a valid ONNX model */
    BNFUSE_UNSUPPORTED = 4, /* the check cannot be made */
    BNFUSE_POLICY = 5,      /* of the program only: --strict or --require not met */
    BNFUSE_INTERNAL = 70,   /* out of memory, or a bug of ours */
    BNFUSE_TIMEOUT = 124,   /* of the program only: --timeout */
    BNFUSE_CANCELLED = 130  /* a callback returned false */
} bnfuse_status;

typedef struct bnfuse_error {
    bnfuse_status status;
    char message[1024];
} bnfuse_error;

typedef struct bnfuse_names {
    const char *const *names;
    size_t count;
} bnfuse_names;

/* Called now and then from a function that takes long, with the share of its work done, 0..1. Returning false ends the
 * function with BNFUSE_CANCELLED. */
typedef bool (*bnfuse_progress)(void *context, double done);

/* Takes the next bytes of an output. Returning false ends the function with BNFUSE_CANCELLED. */
typedef bool (*bnfuse_sink)(void *context, const void *bytes, size_t size);

/* Copies `text` to `to` (size bytes, always terminated) with everything but printable characters escaped. */
BNFUSE_API void bnfuse_escape(char *to, size_t size, const char *text);

/* ---- a model ---- */

typedef struct bnfuse_model bnfuse_model;

/* Finds the external data that the model calls `location`: *bytes and *size, which must outlive the model. False when
 * there is none. */
typedef bool (*bnfuse_opener)(void *context, const char *location, const void **bytes, uint64_t *size);

/* The default memory_limit is a quarter of what the process could have (the machine's memory, or less where a control
 * group says so), at least 2 GiB, and never more than it could have. As long as the caller gives no data and no sizes
 * (inputs, sets, dims, shapes, an opener), it is also at most 128 times the bytes of the model's files, at least
 * 1.5 GiB: a file of up to 16 MiB stays below 2 GiB of all that the process takes. SIZE_MAX is no limit. */
typedef struct bnfuse_read_options {
    size_t size;          /* of this struct */
    const char *name;     /* stands for the file in messages; NULL: its path, or "model" */
    size_t memory_limit;  /* bytes for the model and all that is done with it, inputs included; 0: the default */
    bnfuse_opener opener; /* NULL: external data is beside the file, or (for bytes) in the current folder */
    void *context;        /* of opener */
} bnfuse_read_options;

/* Reads a model file; "-" is standard input. Weights stay in the file, which must not change until the model is freed.
 * NULL: BNFUSE_USAGE (no such file), BNFUSE_INVALID (no such model), BNFUSE_INTERNAL (no memory). */
BNFUSE_API bnfuse_model *bnfuse_load(const char *path, const bnfuse_read_options *options, bnfuse_error *error);
/* The same for bytes in memory, which must outlive the model. */
BNFUSE_API bnfuse_model *bnfuse_read(const void *bytes, size_t size, const bnfuse_read_options *options,
                                     bnfuse_error *error);
BNFUSE_API void bnfuse_free(bnfuse_model *model);
/* From now on the model's memory_limit is another (0: the default): for who decides by what was loaded. */
BNFUSE_API void bnfuse_limit(bnfuse_model *model, size_t bytes);
/* The files that the model's bytes come from, in order from i = 0: its own, then its external data; NULL beyond the
 * last. Overwriting one of them while the model is in use loses its weights; bnfuse_write never does. */
BNFUSE_API const char *bnfuse_get_source(bnfuse_model *model, size_t i);
/* SHA-256 of the model file's bytes (of its own file, not of external data): 64 digits and a NUL. */
BNFUSE_API bool bnfuse_get_digest(bnfuse_model *model, char digest[65], bnfuse_error *error);

/* The graph as it is now, as text: one line a node, with what is known of types, shapes and constants. */
BNFUSE_API bool bnfuse_print(bnfuse_model *model, bnfuse_sink sink, void *context, bnfuse_error *error);

/* ---- fusing ---- */

/* A size for dims that the model leaves open, by their name. */
typedef struct bnfuse_dim {
    const char *name;
    int64_t size;
} bnfuse_dim;

/* The sizes of an input whose dims the model leaves open. */
typedef struct bnfuse_shape {
    const char *name;
    int rank;
    const int64_t *dims;
} bnfuse_shape;

typedef struct bnfuse_fuse_options {
    size_t size;              /* of this struct */
    bool freeze_weights;      /* initializers that are graph inputs too count as constants */
    bool assume_inference;    /* training-mode BatchNormalization counts as inference */
    bool lower_mul_add;       /* what stays becomes Mul and Add */
    bool any_opset;           /* go on (and leave alone what is unknown) when the model's opset is newer than ours */
    uint64_t fold_limit;      /* bytes the model may grow by */
    bnfuse_names enabled;     /* see bnfuse_get_extra */
    bnfuse_names disabled;    /* passes left out, see bnfuse_get_pass */
    bnfuse_names skipped;     /* names of nodes left alone */
    bnfuse_progress progress; /* NULL: not called */
    void *context;            /* of progress and after_pass */
    /* Called with the name of each pass that ran, also when it changed nothing; bnfuse_print shows what it left. False
     * cancels. NULL: not called. */
    bool (*after_pass)(void *context, const char *pass);
    /* Do not read large weights to see whether a folded one would leave its type: for a look, or for a write, which
     * fails where one does (bnfuse_report.overflows). */
    bool unread;
    bool simplify;   /* and make everything else as small as it can be without another bit in any result */
    bool lower_conv; /* what stays becomes a depthwise Conv of kernel 1 where it has a spatial axis, else Mul and Add */
    /* Where a fold leaves something over, work is compared at these sizes; what is folded is right at any other. */
    const bnfuse_dim *dims;
    size_t dim_count;
    /* With fix_shapes the model is for these sizes alone from then on: `dims`, and `shapes` of single inputs, stand in
     * the file, and so does what follows from them. */
    const bnfuse_shape *shapes;
    size_t shape_count;
    bool fix_shapes;
} bnfuse_fuse_options;

/* Folds every BatchNormalization that can be folded exactly. The file is not touched. Once per model. */
BNFUSE_API bool bnfuse_fuse(bnfuse_model *model, const bnfuse_fuse_options *options, bnfuse_error *error);

typedef enum bnfuse_outcome {
    BNFUSE_OUTCOME_FOLDED,  /* into the weights of another node */
    BNFUSE_OUTCOME_MERGED,  /* with an affine neighbor */
    BNFUSE_OUTCOME_REMOVED, /* it is not read, or it changes nothing */
    BNFUSE_OUTCOME_LOWERED, /* to Mul and Add */
    BNFUSE_OUTCOME_STAYS
} bnfuse_outcome;

/* "folded", "merged", ... */
BNFUSE_API const char *bnfuse_outcome_text(bnfuse_outcome outcome);

/* One BatchNormalization of the model as it was loaded. No string is NULL; they are "" where they do not apply. */
typedef struct bnfuse_remark {
    const char *node;   /* its name, or that of its output when it has none */
    const char *output; /* its output's name */
    const char *scope;  /* the bodies or function it is in */
    bnfuse_outcome outcome;
    int code;           /* why it stays: 101, 102, ...; 0 otherwise */
    const char *reason; /* the fixed text of the code */
    const char *help;   /* what would help, if anything */
    const char *where;  /* what it went into; or what is in the way */
    const char *detail;
    const char *path;                       /* operators tried or crossed */
    const struct bnfuse_channels *channels; /* NULL where the parameters are not constant */
} bnfuse_remark;

/* The affine of a BatchNormalization, channel by channel. */
typedef struct bnfuse_channels {
    size_t count;
    const double *scales;   /* scale / sqrt(variance + epsilon) */
    const bool *degenerate; /* scale or variance near 0, or a mean of a thousand deviations */
} bnfuse_channels;

/* What simplifying changed. No string is NULL; they are "" where they do not apply. */
typedef struct bnfuse_rewrite {
    const char *rule;  /* see bnfuse_get_rule */
    const char *node;  /* what went or changed, by its name before */
    const char *op;    /* of the node */
    const char *scope; /* the bodies or function it is in */
    const char *where; /* what stands for it now */
} bnfuse_rewrite;

typedef struct bnfuse_op_count {
    const char *op; /* domain.op outside ai.onnx */
    int64_t before, after;
} bnfuse_op_count;

typedef struct bnfuse_size {
    int64_t nodes;      /* inner graphs and functions included */
    int64_t parameters; /* elements of initializers */
    uint64_t bytes;     /* of the model file; after fusing: 0 until it is written */
} bnfuse_size;

/* A file that bnfuse_write or bnfuse_prepare made. */
typedef struct bnfuse_written {
    const char *path;
    uint64_t bytes;
    const char *sha256; /* of what is in it, 64 digits; "" when options.digest was not set */
} bnfuse_written;

typedef struct bnfuse_affines_left {
    int code;           /* as that of a remark */
    const char *reason; /* its fixed text */
    size_t count;
} bnfuse_affines_left;

typedef struct bnfuse_report {
    bnfuse_remark *const *remarks; /* in file order */
    size_t remark_count;
    size_t folded, left;         /* BatchNormalizations gone, and still in the model */
    bnfuse_op_count *const *ops; /* sorted by name; operators whose count is 0 on both sides do not appear */
    size_t op_count;
    bnfuse_size before, after;
    int64_t multiply_adds_saved; /* a run, as far as shapes are known */
    uint64_t grown;              /* bytes of clones and computed constants */
    const char *const *notes;    /* further lines worth telling */
    size_t note_count;
    const bnfuse_written *const *written; /* the files of the last write: the model, then its data */
    size_t written_count;
    bnfuse_rewrite *const *rewrites; /* in the order they were made */
    size_t rewrite_count;
    bool overflows; /* a write failed because a folded weight leaves its type: load again, and fuse without `unread` */
    /* Mul, Add, Sub, Div and Neg by constants: chains that went without a BatchNormalization, and all that went; those
     * that stay are counted by reason, codes ascending. */
    size_t affine_chains_folded, affines_folded;
    bnfuse_affines_left *const *affines_left;
    size_t affines_left_count;
} bnfuse_report;

/* NULL before bnfuse_fuse. */
BNFUSE_API const bnfuse_report *bnfuse_get_report(const bnfuse_model *model);

/* Why a BatchNormalization stays: every code there is, in order from i = 0; NULL beyond the last. */
typedef struct bnfuse_reason {
    int code;
    const char *name, *text, *help;
} bnfuse_reason;
BNFUSE_API const bnfuse_reason *bnfuse_get_reason(size_t i);
/* What a code means and what to do about it: some lines of text, with a picture. "" when there is no such code. */
BNFUSE_API const char *bnfuse_reason_page(int code);

/* The passes in running order, from 0; NULL beyond the last. */
typedef struct bnfuse_pass {
    const char *name, *why;
    bool optional;
} bnfuse_pass;
BNFUSE_API const bnfuse_pass *bnfuse_get_pass(size_t i);

/* Folds that are made only when they are enabled, from 0; NULL beyond the last. */
typedef struct bnfuse_extra {
    const char *name, *help;
} bnfuse_extra;
BNFUSE_API const bnfuse_extra *bnfuse_get_extra(size_t i);

/* The rules of simplifying, from 0; NULL beyond the last. Each keeps every result equal bit for bit. */
typedef struct bnfuse_rule {
    const char *name, *formula;
} bnfuse_rule;
BNFUSE_API const bnfuse_rule *bnfuse_get_rule(size_t i);

/* ---- the graph ---- */

/* A node. "" stands for an absent input or output. */
typedef struct bnfuse_node {
    const char *name;  /* or that of its first output when it has none */
    const char *op;    /* domain.op outside ai.onnx */
    const char *scope; /* the bodies or function it is in */
    const char *const *inputs;
    const char *const *outputs;
    size_t input_count, output_count;
} bnfuse_node;

/* Node i of the model as it was loaded, or (fused) as it is now: file order, bodies and functions after the main graph.
 * NULL beyond the last, and when there is no memory. Belongs to the model. */
BNFUSE_API const bnfuse_node *bnfuse_get_node(bnfuse_model *model, bool fused, size_t i);

/* ---- tensors ---- */

/* TensorProto.DataType. */
typedef enum bnfuse_dtype {
    BNFUSE_DTYPE_UNDEFINED = 0,
    BNFUSE_DTYPE_FLOAT = 1,
    BNFUSE_DTYPE_UINT8 = 2,
    BNFUSE_DTYPE_INT8 = 3,
    BNFUSE_DTYPE_UINT16 = 4,
    BNFUSE_DTYPE_INT16 = 5,
    BNFUSE_DTYPE_INT32 = 6,
    BNFUSE_DTYPE_INT64 = 7,
    BNFUSE_DTYPE_STRING = 8,
    BNFUSE_DTYPE_BOOL = 9,
    BNFUSE_DTYPE_FLOAT16 = 10,
    BNFUSE_DTYPE_DOUBLE = 11,
    BNFUSE_DTYPE_UINT32 = 12,
    BNFUSE_DTYPE_UINT64 = 13,
    BNFUSE_DTYPE_COMPLEX64 = 14,
    BNFUSE_DTYPE_COMPLEX128 = 15,
    BNFUSE_DTYPE_BFLOAT16 = 16,
    BNFUSE_DTYPE_FLOAT8E4M3FN = 17,
    BNFUSE_DTYPE_FLOAT8E4M3FNUZ = 18,
    BNFUSE_DTYPE_FLOAT8E5M2 = 19,
    BNFUSE_DTYPE_FLOAT8E5M2FNUZ = 20,
    BNFUSE_DTYPE_UINT4 = 21,
    BNFUSE_DTYPE_INT4 = 22,
    BNFUSE_DTYPE_FLOAT4E2M1 = 23,
    BNFUSE_DTYPE_FLOAT8E8M0 = 24,
    BNFUSE_DTYPE_UINT2 = 25,
    BNFUSE_DTYPE_INT2 = 26
} bnfuse_dtype;

/* "float32", "int64", ...; "undefined" for what is none. */
BNFUSE_API const char *bnfuse_dtype_text(bnfuse_dtype type);

typedef struct bnfuse_tensor {
    const char *name;
    bnfuse_dtype type; /* UNDEFINED: it is no tensor (a sequence or an absent optional) */
    int rank;
    const int64_t *dims;
    int64_t count;              /* the product of dims */
    const void *bytes;          /* packed little-endian elements as in raw_data; NULL for strings */
    size_t size;                /* of bytes */
    const char *const *strings; /* count of them, for the type STRING */
} bnfuse_tensor;

/* A list of named tensors: inputs for a run or a check, outputs of a run. */
typedef struct bnfuse_tensors bnfuse_tensors;

BNFUSE_API bnfuse_tensors *bnfuse_tensors_new(void); /* NULL when memory is exhausted */
BNFUSE_API void bnfuse_tensors_free(bnfuse_tensors *tensors);
/* The list takes so many bytes at most. What is loaded for a model stays within what is left of that one's limit,
 * whatever this one is. 0, as at first: no other limit, but without a model the default one for what is loaded. */
BNFUSE_API void bnfuse_tensors_limit(bnfuse_tensors *tensors, size_t bytes);
/* Adds what a file holds. `name` is the tensor's name; NULL where the file says it:
 *   FILE.npy, FILE.pb    one value; a .pb is read as the type that the model declares for `name`
 *   FILE.npz             the tensors of the archive, by their names there
 *   DIR                  input_0.pb, input_1.pb, ... for the model's inputs in order (initializers left out)
 * The model may be NULL but for DIR; with it, values are converted to the declared types where nothing is lost. */
BNFUSE_API bool bnfuse_tensors_load(bnfuse_tensors *tensors, const bnfuse_model *model, const char *name,
                                    const char *path, bnfuse_error *error);
/* Adds output_0.pb, output_1.pb, ... of DIR, as many as there are, under the names of the model's outputs. */
BNFUSE_API bool bnfuse_tensors_load_outputs(bnfuse_tensors *tensors, const bnfuse_model *model, const char *directory,
                                            bnfuse_error *error);
/* Adds a tensor from memory; everything is copied. `count` is not read; `size` must be what type and dims ask for. */
BNFUSE_API bool bnfuse_tensors_add(bnfuse_tensors *tensors, const bnfuse_tensor *tensor, bnfuse_error *error);
/* Whether each expected tensor is in `tensors` and within |a-b| <= atol + rtol*|b|; if not, BNFUSE_DIFFER with the
 * first that is not. */
BNFUSE_API bool bnfuse_tensors_agree(const bnfuse_tensors *expected, const bnfuse_tensors *tensors, double atol,
                                     double rtol, bnfuse_error *error);
BNFUSE_API size_t bnfuse_tensors_count(const bnfuse_tensors *tensors);
/* From 0; NULL beyond the last. Lives until the list is freed. */
BNFUSE_API const bnfuse_tensor *bnfuse_tensors_get(const bnfuse_tensors *tensors, size_t i);
/* To an existing DIR as output_0.pb, output_1.pb, ... (outputs of a run of this model); to FILE.npz; or to FILE.npy or
 * FILE.pb when there is just one. The model may be NULL but for DIR. A file that is there is replaced when the new one
 * is whole. */
BNFUSE_API bool bnfuse_tensors_write(const bnfuse_tensors *tensors, const bnfuse_model *model, const char *path,
                                     bnfuse_error *error);
/* The same in two steps: everything that can fail for want of space, then the names. Several may be prepared and are
 * committed together; what is not goes with the list. */
BNFUSE_API bool bnfuse_tensors_prepare(bnfuse_tensors *tensors, const bnfuse_model *model, const char *path,
                                       bnfuse_error *error);
BNFUSE_API bool bnfuse_tensors_commit(bnfuse_tensors *tensors, bnfuse_error *error);

/* ---- running ---- */

typedef struct bnfuse_run_options {
    size_t size;              /* of this struct */
    bool exact;               /* all real numbers in double; else each in the model's own type */
    int threads;              /* 0: as many as the machine has */
    uint64_t seed;            /* of random operators */
    bnfuse_progress progress; /* NULL: not called */
    void *context;
} bnfuse_run_options;

/* Runs the model as it is now. The outputs in their order; free them. `inputs` may be NULL where the model has none.
 * NULL: BNFUSE_USAGE when an input is missing, BNFUSE_UNSUPPORTED when an operator cannot run. */
BNFUSE_API bnfuse_tensors *bnfuse_run(bnfuse_model *model, const bnfuse_tensors *inputs,
                                      const bnfuse_run_options *options, bnfuse_error *error);

/* ---- checking ---- */

/* How much of a fused model is run (docs/check.md). Each level does what the one before it does. */
typedef enum bnfuse_level {
    BNFUSE_LEVEL_QUICK, /* every change by itself, in float64 on small tensors; a change that cannot run so: STANDARD */
    BNFUSE_LEVEL_STANDARD, /* both models in their own types; in float64 where that leaves something open */
    BNFUSE_LEVEL_FULL      /* both models in float64 as well; the whole graph must run */
} bnfuse_level;

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
    double noise;       /* of unrelated models: what half a unit in the last place of its weights explains */
    double accumulated; /* of unrelated models: how far the whole runs are apart here, by samples; relative */
    /* Where only simplifying changed the graph, both parts are run in the model's own types as well. */
    bool bits_equal, bits_differ;
} bnfuse_site;

/* A difference with its place: flat index, and both values there; of complex elements the absolute values. */
typedef struct bnfuse_place {
    double difference;
    int64_t at;
    double before, after;
} bnfuse_place;

/* An output of both models in their own types, gathered over all sets of inputs. */
typedef struct bnfuse_metrics {
    int64_t elements, compared; /* all; and those that are finite in both */
    bnfuse_place largest, most_relative;
    double root_mean_square;                /* of the differences */
    double cosine;                          /* of the angle between the two */
    double signal_to_noise;                 /* in dB; infinite when they are equal */
    double ulp_median, ulp_99, ulp_largest; /* units in the last place: at most so many, a power of two */
    double outside;                         /* share of elements outside the tolerance */
    int64_t nan_before, nan_after, infinite_before, infinite_after;
    double top1, top5; /* share of rows with the same best class, and the same five; < 0: no scores of classes */
    /* Finite elements by how far they are apart: equal; up to 1, 2, 4, ... units in the last place. */
    const int64_t *ulps;
    size_t ulp_count;
} bnfuse_metrics;

/* A value that both models have: how far each, in its own types, is from float64 there, relative. */
typedef struct bnfuse_depth {
    const char *value;
    double before, after;
} bnfuse_depth;

typedef struct bnfuse_output {
    const char *name;
    bnfuse_difference algebra;    /* in float64, weights unrounded; relative < 0: not run so */
    bnfuse_difference rounding;   /* in float64, weights as they are stored; likewise */
    bnfuse_difference deployment; /* in the model's own types */
    double noise; /* relative: what half a unit in the last place of every weight does; < 0: not measured */
    double truth_before, truth_after; /* distance of each model from float64, root mean square; < 0: not known */
    bool within_tolerance;
    bool heals;                    /* the first overflows its type where float64 and the second do not */
    const bnfuse_metrics *metrics; /* NULL: not run in its own types */
} bnfuse_output;

typedef struct bnfuse_check_result {
    bnfuse_verdict verdict;
    const char *why;             /* one line when not a plain pass: node, value, what; else "" */
    const char *first_divergent; /* the first value that differs, or NULL */
    bnfuse_site *const *sites;
    size_t site_count, sites_checked;
    double worst_site;             /* largest relative difference of a site */
    bnfuse_output *const *outputs; /* none when the whole graph did not run */
    size_t output_count;
    uint64_t seed;
    size_t set_count;        /* sets of inputs that were run */
    const char *inputs;      /* what they looked like: x float32 [2, 3, 224, 224], ... */
    const char *last_agreed; /* of unrelated models: the value upstream of first_divergent, or NULL */
    const char *note;        /* how inputs and outputs were paired, where not by name; else "" */
    bnfuse_level level;      /* what decided; of bnfuse_check */
    /* The error along the depth, by samples of values in running order; none where the whole graph did not run in
     * float64 (see `depth` of the options). Of bnfuse_check. */
    bnfuse_depth *const *depth;
    size_t depth_count;
} bnfuse_check_result;

/* A tolerance for one output. */
typedef struct bnfuse_tolerance {
    const char *name;
    double atol, rtol; /* < 0: that of all */
} bnfuse_tolerance;

typedef struct bnfuse_check_options {
    size_t size;        /* of this struct */
    uint64_t seed;      /* of random inputs */
    double atol, rtol;  /* |a-b| <= atol + rtol*|b| in the model's own types */
    int threads;        /* 0: as many as the machine has */
    bnfuse_level level; /* of bnfuse_check */
    const bnfuse_tensors *const
        *sets; /* sets of inputs; what they leave out is random. None: one random set, or `set` */
    size_t set_count;
    const bnfuse_dim *dims;
    size_t dim_count;
    const bnfuse_shape *shapes;
    size_t shape_count;
    bnfuse_progress progress; /* NULL: not called */
    void *context;            /* of progress and set */
    bnfuse_dtype precision; /* compare: b may be a version of this type: FLOAT16, BFLOAT16 or INT8. UNDEFINED: not so */
    const bnfuse_tolerance *tolerances; /* of single outputs */
    size_t tolerance_count;
    const char *repro; /* compare: a directory for the segment that differs, as two models with data; NULL: none */
    double work;       /* predicted seconds that the check may take; beyond, sites alone are proven. 60; 0: no limit */
    /* Where `sets` is NULL: gives set `index` of the set_count, so that one at a time need be in memory. It lives until
     * the next call, or until the function returns. Each is asked for more than once. NULL, with the error filled: it
     * cannot be read. */
    const bnfuse_tensors *(*set)(void *context, size_t index, bnfuse_error *error);
    /* Of bnfuse_check: a standard check that needs no float64 run makes one all the same, for the error along the
     * depth, where memory and work allow it. */
    bool depth;
} bnfuse_check_options;

/* The fused model against the one that was loaded. NULL only when the check itself fails: a difference is a verdict.
 * The result belongs to the model. */
BNFUSE_API const bnfuse_check_result *bnfuse_check(bnfuse_model *model, const bnfuse_check_options *options,
                                                   bnfuse_error *error);
/* Two models with the same inputs and outputs, as they are now. The result belongs to b, but names values of both. */
BNFUSE_API const bnfuse_check_result *bnfuse_compare(bnfuse_model *a, bnfuse_model *b,
                                                     const bnfuse_check_options *options, bnfuse_error *error);
/* ---- calibrating ---- */

/* A BatchNormalization whose statistics were estimated again. */
typedef struct bnfuse_calibrated {
    const char *node;
    int64_t channels;
    double mean_moved;                    /* at most so many of the old standard deviations */
    double variance_least, variance_most; /* new over old, the least and the most of all channels */
} bnfuse_calibrated;

typedef struct bnfuse_calibration {
    bnfuse_calibrated *const *list; /* in running order */
    size_t count;
    size_t left;      /* in bodies and functions, or without statistics: as they were */
    size_t set_count; /* sets of inputs that were measured */
} bnfuse_calibration;

/* Estimates mean and variance of every BatchNormalization again, from the sets of the options: population statistics in
 * double, layer by layer; new = (1 - momentum) * old + momentum * measured. BatchNormalizations in training mode go to
 * inference. The model is then to be written; it cannot be fused before it is loaded again. NULL: no sets
 * (BNFUSE_USAGE), a run that failed, or what is stored is not what is seen (BNFUSE_DIFFER). */
BNFUSE_API const bnfuse_calibration *bnfuse_calibrate(bnfuse_model *model, const bnfuse_check_options *options,
                                                      double momentum, bnfuse_error *error);

/* "quick", "standard", "full" */
BNFUSE_API const char *bnfuse_level_text(bnfuse_level level);
/* "pass", "fail", "not checked", ... */
BNFUSE_API const char *bnfuse_verdict_text(bnfuse_verdict verdict);
/* The program's exit status for a verdict. */
BNFUSE_API bnfuse_status bnfuse_verdict_status(bnfuse_verdict verdict);

/* ---- what changed ---- */

typedef enum bnfuse_change_kind {
    BNFUSE_CHANGE_ADDED,
    BNFUSE_CHANGE_REMOVED,
    BNFUSE_CHANGE_CHANGED,
    BNFUSE_CHANGE_RENAMED,
    BNFUSE_CHANGE_MOVED /* a tensor that is stored elsewhere */
} bnfuse_change_kind;

typedef enum bnfuse_change_subject {
    BNFUSE_SUBJECT_MODEL, /* a field of the model: its opsets, its metadata */
    BNFUSE_SUBJECT_INPUT,
    BNFUSE_SUBJECT_OUTPUT,
    BNFUSE_SUBJECT_NODE,
    BNFUSE_SUBJECT_TENSOR,
    BNFUSE_SUBJECT_FUNCTION
} bnfuse_change_subject;

/* No string is NULL; they are "" where they do not apply. */
typedef struct bnfuse_change {
    bnfuse_change_kind kind;
    bnfuse_change_subject subject;
    const char *scope;  /* the bodies or function it is in */
    const char *op;     /* of a node */
    const char *name;   /* in the second model; in the first where it was removed */
    const char *other;  /* in the first, where both have it */
    const char *detail; /* what of it changed */
} bnfuse_change;

typedef struct bnfuse_changes {
    const bnfuse_change *const *changes; /* in the order of the graphs */
    size_t count;
} bnfuse_changes;

/* What changed from a to b, as they were loaded: by structure, not by bytes. The result belongs to b, but names what
 * belongs to both. NULL when a weight cannot be read. */
BNFUSE_API const bnfuse_changes *bnfuse_diff(bnfuse_model *a, bnfuse_model *b, bnfuse_error *error);
BNFUSE_API const char *bnfuse_change_kind_text(bnfuse_change_kind kind);
BNFUSE_API const char *bnfuse_change_subject_text(bnfuse_change_subject subject);

/* ---- writing ---- */

typedef struct bnfuse_write_options {
    size_t size;               /* of this struct */
    const char *external_data; /* a file beside the model for all tensors of 1 KiB and more; NULL: as they are */
    bool digest;               /* report->written with SHA-256 */
} bnfuse_write_options;

/* Writes the model as it is now; "-" is standard output. Before it gets its name, the new file is read back and held
 * against the model: every node, name, attribute and element (BNFUSE_INTERNAL where they differ). The target is
 * replaced atomically, or not at all; it may be the file that was loaded, and never one of its data files. A data file
 * that exists is never changed. External data get the name asked for when it is free, or holds the same bytes; when it
 * is the data of the model that is being replaced, the new file's name has a digest before its extension and the old
 * one goes after; otherwise that is BNFUSE_USAGE. Without a name given they go to FILE.<digest>.data. */
BNFUSE_API bool bnfuse_write(bnfuse_model *model, const char *path, const bnfuse_write_options *options,
                             bnfuse_error *error);
/* The same in two steps. After the first the new files are whole and verified but have no names yet, and the report
 * knows them; the second gives them their names, which is all it does. bnfuse_free, or another bnfuse_prepare, drops
 * what was not committed. */
BNFUSE_API bool bnfuse_prepare(bnfuse_model *model, const char *path, const bnfuse_write_options *options,
                               bnfuse_error *error);
BNFUSE_API bool bnfuse_commit(bnfuse_model *model, bnfuse_error *error);
/* Between the two: runs the new file, as it was read back, beside the fused model in their own types. False
 * (BNFUSE_INTERNAL) where they do not give the same bits. */
BNFUSE_API bool bnfuse_check_written(bnfuse_model *model, const bnfuse_check_options *options, bnfuse_error *error);
/* The same to memory: *bytes is freed by bnfuse_free_bytes. New weights go inline; references to external data stay as
 * they are. */
BNFUSE_API bool bnfuse_write_bytes(bnfuse_model *model, void **bytes, size_t *size, bnfuse_error *error);
BNFUSE_API void bnfuse_free_bytes(void *bytes);

/* ---- the defaults of the options ---- */

/* Each writes the defaults into `size` bytes, so that a newer library does not write past an older program's struct:
 *   fuse     nothing optional, a fold limit of 256 MiB
 *   run      the model's own types, all processors, seed 1
 *   check    the standard level, seed 20, atol 1e-5, rtol 1e-3, one random set
 *   read, write   nothing set */
BNFUSE_API void bnfuse_read_defaults(bnfuse_read_options *options, size_t size);
BNFUSE_API void bnfuse_fuse_defaults(bnfuse_fuse_options *options, size_t size);
BNFUSE_API void bnfuse_run_defaults(bnfuse_run_options *options, size_t size);
BNFUSE_API void bnfuse_check_defaults(bnfuse_check_options *options, size_t size);
BNFUSE_API void bnfuse_write_defaults(bnfuse_write_options *options, size_t size);

static inline void bnfuse_read_options_init(bnfuse_read_options *options)
{
    bnfuse_read_defaults(options, sizeof *options);
}

static inline void bnfuse_fuse_options_init(bnfuse_fuse_options *options)
{
    bnfuse_fuse_defaults(options, sizeof *options);
}

static inline void bnfuse_run_options_init(bnfuse_run_options *options)
{
    bnfuse_run_defaults(options, sizeof *options);
}

static inline void bnfuse_check_options_init(bnfuse_check_options *options)
{
    bnfuse_check_defaults(options, sizeof *options);
}

static inline void bnfuse_write_options_init(bnfuse_write_options *options)
{
    bnfuse_write_defaults(options, sizeof *options);
}

#ifdef __cplusplus
}
#endif
#endif
