/* SPDX-License-Identifier: Apache-2.0
 *
 * Which rows of operators a test runs, and what happens without one. Linked in by -DBNFUSE_WATCH_ROWS=ON only, where it
 * stands between the index and operator_find (--wrap). The environment says what is wanted:
 *
 *     BNFUSE_ROW_LOG=FILE     at its end, the program adds a line "NAME FIRST" to FILE for each row whose kernel ran
 *     BNFUSE_LOST_ROW="NAME FIRST"   this row is not found, as if it were deleted */
#include "onnx/graph/operator.h"
#include "runtime/kernel.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_ROWS 1024

const struct operator_row *__real_operator_find(const struct operator_index *index, const char *domain, const char *op,
                                                int64_t opset);
const struct operator_row *__wrap_operator_find(const struct operator_index *index, const char *domain, const char *op,
                                                int64_t opset);

static const struct operator_row *rows[MOST_ROWS];
static struct operator_row watched[MOST_ROWS]; /* copies that note a run */
static bool ran[MOST_ROWS];
static size_t row_count;

static void row_text(const struct operator_row *row, char *text, size_t size)
{
    snprintf(text, size, "%s %lld", row->name, (long long)row->first);
}

static bool run_watched(struct call *call)
{
    size_t n = (size_t)(call->row - watched);
    ran[n] = true;
    return rows[n]->run(call);
}

static void write_log(void)
{
    const char *path = getenv("BNFUSE_ROW_LOG");
    int file = path ? open(path, O_WRONLY | O_APPEND | O_CREAT, 0666) : -1;
    for (size_t i = 0; file >= 0 && i < row_count; i++) {
        char text[100];
        if (!ran[i]) continue;
        row_text(rows[i], text, sizeof text - 1);
        strcat(text, "\n");
        if (write(file, text, strlen(text)) < 0) abort();
    }
    if (file >= 0) close(file);
}

static void number_rows(void)
{
    for (const struct operator_row *const *family = operator_families; *family; family++)
        for (const struct operator_row *row = *family; row->name; row++) {
            if (row_count == MOST_ROWS) abort();
            watched[row_count] = *row;
            if (row->run) watched[row_count].run = run_watched;
            rows[row_count++] = row;
        }
    atexit(write_log);
}

const struct operator_row *__wrap_operator_find(const struct operator_index *index, const char *domain, const char *op,
                                                int64_t opset)
{
    const struct operator_row *row = __real_operator_find(index, domain, op, opset);
    const char *lost = getenv("BNFUSE_LOST_ROW");
    char text[100];
    if (!row_count) number_rows();
    if (!row) return NULL;
    if (lost) {
        row_text(row, text, sizeof text);
        if (strcmp(text, lost) == 0) return NULL;
    }
    size_t n = 0;
    while (rows[n] != row) n++;
    if (row->refused) ran[n] = true; /* as far as it can */
    return &watched[n];
}
