/* SPDX-License-Identifier: Apache-2.0
 *
 * bnfuse: fold BatchNormalization out of ONNX models, exactly, and prove it.
 *
 * The whole library in the order of its use: load, fuse, report, check, write, free.
 *
 * Ownership: whatever hangs off a handle belongs to the handle and lives until the handle is freed; strings and
 * structs that functions return are never freed by the caller. Options are read during the call only.
 * Errors: a function that can fail returns false (or NULL) and fills the caller's bnfuse_error, whose message is one
 * printable line that names file, node and next step. NULL may be passed for the error when it is of no interest.
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
    BNFUSE_DIFFER = 1,        /* the two models compute different things */
    BNFUSE_USAGE = 2,         /* wrong use, or a file that cannot be read or written */
    BNFUSE_INVALID = 3,       /* the model is not a valid ONNX model */
    BNFUSE_UNSUPPORTED = 4,   /* the check cannot be made */
    BNFUSE_POLICY = 5,        /* --strict or --require not met */
    BNFUSE_INTERNAL = 70,     /* out of memory, or a bug of ours */
    BNFUSE_TIMEOUT = 124
} bnfuse_status;

typedef struct bnfuse_error {
    bnfuse_status status;
    char message[1024];
} bnfuse_error;

#ifdef __cplusplus
}
#endif
#endif
