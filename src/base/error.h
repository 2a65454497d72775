/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: a status and one line. What a model wrote (names, operator types) reaches the line as it is; `fail` escapes
 * the finished line once, so no control character or broken UTF-8 ever reaches a terminal or a log. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "bnfuse.h"

/* Fills *error (which may be NULL) and returns false, so that a caller can `return fail(...)`. */
bool fail(struct bnfuse_error *error, enum bnfuse_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a call of the system that failed: `reason` (an errno) is appended in words, and decides the status: no
 * memory is BNFUSE_INTERNAL, all else BNFUSE_USAGE. */
bool fail_system(struct bnfuse_error *error, int reason, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts `name` (a file's, say) before the message of an error that does not hold it yet. Returns `good`. */
bool error_prefix(bool good, const char *name, struct bnfuse_error *error);
/* Whether an error ends whatever is going on, rather than saying that one thing among several cannot be done. */
bool is_fatal(const struct bnfuse_error *error);

/* Copies `text` to `to` (size bytes, always terminated): printable ASCII and valid UTF-8 as they are, \n \t \r \\ as
 * escapes, all other bytes as \xNN; and of "##" the second one, of "::" at the begin the first, so that no ##[command],
 * ##vso[command] or ::command for a CI is left. Cuts at a character boundary. */
void escape_text(char *to, size_t size, const char *text);

#endif
