/* SPDX-License-Identifier: Apache-2.0
 *
 * What happened, for people and for machines. Everything here is made from the public header alone; names that a model
 * wrote are escaped for the form in question. A writer returns false when the stream refused a byte. */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include "bnfuse.h"
#include "report/columns.h"

#include <stdio.h>

/* The operator that remarks are about. */
#define REMARKED_OPERATOR "BatchNormalization"

/* One run of the program, as far as it came. */
struct run_report {
    const char *command;                   /* "fuse", "explain", "compare", "calibrate" or "run" */
    const char *model, *other;             /* other: what a compare compares with; NULL */
    const char *output;                    /* the file written, or NULL */
    const bnfuse_report *report;           /* NULL: not fused */
    const bnfuse_check_result *check;      /* NULL: not checked */
    const bnfuse_tensors *tensors;         /* outputs of a run, or NULL */
    const bnfuse_calibration *calibration; /* or NULL */
    const bnfuse_changes *changes;         /* of a diff, or NULL */
    double atol, rtol;
    bnfuse_model *handle;       /* of the model, for pictures of its nodes; NULL: none */
    bnfuse_model *other_handle; /* of the other, likewise */
    /* Without handles: the nodes around what stays and what differs, before and after. */
    const bnfuse_node *const *nodes[2];
    size_t node_count[2];
    const char *command_line;             /* as it was given */
    const char *hash_before, *hash_after; /* SHA-256 of the files, hexadecimal; "" where unknown */
    double seconds;                       /* the run took */
    bnfuse_status status;
    const char *message; /* the error, or what a policy misses; "" when all went well */
    bool verbose;
    struct terminal terminal; /* what text is printed to */
};

/* The reports of a call, a run for each model. */
struct run_list {
    const struct run_report *const *runs;
    size_t count;
};

/* A copy that needs no model: what report_json says of a run, read again. `handle` and the like are NULL. Free it with
 * run_report_drop. NULL when there is no memory. */
struct run_report *run_report_keep(const struct run_report *run);
/* The next report of a file of JSON objects; NULL at its end, and with `why` (not "") where there is none to be
 * read. */
struct run_report *run_report_read(FILE *from, char *why, size_t size);
void run_report_drop(struct run_report *run);

/* Which of two statuses says that more is wrong: what the program itself failed at, then models that differ, then those
 * that cannot be read, are not valid, cannot be checked, and do not meet a policy. */
bnfuse_status worse_status(bnfuse_status a, bnfuse_status b);
bnfuse_status worst_status(const struct run_list *list);

/* The verdict in one line, without its name: pass (sites only: Foo "x" has no kernel) */
const char *verdict_line(const struct run_report *run, char *to, size_t size);

/* What is known before the check, which may take long; report_text is the rest. */
bool report_remarks(const struct run_report *run, FILE *to);
bool report_text(const struct run_report *run, FILE *to);
/* One line of many, which names its model; and the line after the last. */
bool report_line(const struct run_report *run, bool quiet, FILE *to);
bool report_total(const struct run_list *list, FILE *to);
/* explain: each BatchNormalization with the path it took or tried, and what would help. */
bool report_explain(const struct run_report *run, FILE *to);
/* diff: a line for each change. */
bool report_diff(const struct run_report *run, FILE *to);
bool report_json(const struct run_report *run, FILE *to);

/* Reports in files: a row each, from which the option, its help and its field are made; report_<name> writes it. */
/*  name       option       what the file is */
#define REPORT_FORMATS(ROW)                                                                    \
    ROW(jsonl, "jsonl", "results as JSON, an object a line (bnfuse report merges such files)") \
    ROW(junit, "junit", "results as JUnit XML")                                                \
    ROW(markdown, "markdown", "results as Markdown")                                           \
    ROW(html, "html", "results as a page with pictures")                                       \
    ROW(sarif, "sarif", "what stays and what differs as SARIF, for code scanning")             \
    ROW(node_data, "node-data", "outcome and difference of each node, for Model Explorer")

enum report_format {
#define ROW(name, option, help) REPORT_##name,
    REPORT_FORMATS(ROW)
#undef ROW
        REPORT_COUNT
};

#define ROW(name, option, help) bool report_##name(const struct run_list *list, FILE *to);
REPORT_FORMATS(ROW)
#undef ROW

typedef bool report_writer(const struct run_list *list, FILE *to);
extern report_writer *const report_writers[REPORT_COUNT];

/* The table of reasons: as text, Markdown or JSON. */
bool report_reasons_text(FILE *to);
/* One code, "BNF101" or "101", with what it means; false when there is no such code. */
bool report_reason_text(const char *code, FILE *to);
bool report_reasons_markdown(FILE *to);
bool report_reasons_json(FILE *to);

#endif
