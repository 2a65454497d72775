/* SPDX-License-Identifier: Apache-2.0
 *
 * The library in one page: fuses a model, prints what became of each BatchNormalization, checks, and writes.
 *
 *     cc fuse.c $(pkg-config --cflags --libs bnfuse) -o fuse
 *     ./fuse model.onnx fused.onnx */
#include <bnfuse.h>
#include <stdio.h>

static void print_fates(const bnfuse_report *report)
{
    for (size_t i = 0; i < report->fate_count; i++) {
        const bnfuse_fate *fate = &report->fates[i];
        char node[256], where[256];
        bnfuse_escape(node, sizeof node, fate->node);
        bnfuse_escape(where, sizeof where, fate->where);
        if (fate->code)
            printf("%s stays: BNF%d, %s (%s)\n", node, fate->code, fate->reason, where);
        else
            printf("%s %s: %s\n", node, fate->outcome, where);
    }
    printf("%zu gone, %zu left\n", report->folded, report->left);
}

static bool fuse_and_write(bnfuse_model *model, const char *to, bnfuse_error *error)
{
    bnfuse_fuse_options fuse;
    bnfuse_fuse_options_init(&fuse);
    if (!bnfuse_fuse(model, &fuse, error)) return false;
    print_fates(bnfuse_get_report(model));

    bnfuse_check_options check;
    bnfuse_check_result result;
    bnfuse_check_options_init(&check);
    if (!bnfuse_check(model, &check, &result, error)) return false;
    printf("check: %s\n", bnfuse_verdict_text(result.verdict));
    error->status = bnfuse_verdict_status(result.verdict);
    if (error->status != BNFUSE_OK) {
        bnfuse_escape(error->message, sizeof error->message, result.why);
        return false;
    }
    return bnfuse_write(model, to, NULL, error);
}

int main(int count, char **argument)
{
    if (count != 3) {
        fprintf(stderr, "usage: fuse MODEL OUT\n");
        return BNFUSE_USAGE;
    }
    bnfuse_error error = { .status = BNFUSE_OK };
    bnfuse_model *model = bnfuse_load(argument[1], 0, &error);
    bool done = model && fuse_and_write(model, argument[2], &error);
    if (!done) fprintf(stderr, "%s\n", error.message);
    bnfuse_free(model);
    return done ? BNFUSE_OK : (int)error.status;
}
