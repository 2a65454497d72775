/* SPDX-License-Identifier: Apache-2.0
 *
 * A client of the library: fold a model, say what became of each BatchNormalization, check, write.
 *
 *     cc fold.c $(pkg-config --cflags --libs --static bnfuse) -o fold && ./fold model.onnx out.onnx */
#include <bnfuse.h>

#include <stdio.h>

static int refuse(const bnfuse_error *error)
{
    fprintf(stderr, "fold: %s\n", error->message);
    return (int)error->status;
}

static void print_remarks(const bnfuse_model *model)
{
    const bnfuse_report *report = bnfuse_get_report(model);
    char node[200];
    for (size_t i = 0; i < report->remark_count; i++) {
        const bnfuse_remark *remark = report->remarks[i];
        bnfuse_escape(node, sizeof node, remark->node);
        if (remark->code) printf("%s stays: BNF%d %s\n", node, remark->code, remark->reason);
        else printf("%s %s\n", node, bnfuse_outcome_text(remark->outcome));
    }
    printf("%zu folded, %zu left\n", report->folded, report->left);
}

static int fold(bnfuse_model *model, const char *output)
{
    bnfuse_error error;
    bnfuse_fuse_options options;
    bnfuse_fuse_options_init(&options);
    if (!bnfuse_fuse(model, &options, &error)) return refuse(&error);
    print_remarks(model);
    const bnfuse_check_result *result = bnfuse_check(model, NULL, &error);
    if (!result) return refuse(&error);
    printf("check: %s\n", bnfuse_verdict_text(result->verdict));
    bnfuse_status status = bnfuse_verdict_status(result->verdict);
    if (status != BNFUSE_OK) return (int)status;
    return bnfuse_write(model, output, NULL, &error) ? 0 : refuse(&error);
}

int main(int argc, char **argv)
{
    bnfuse_error error;
    if (argc != 3) {
        fprintf(stderr, "usage: fold MODEL OUT\n");
        return BNFUSE_USAGE;
    }
    bnfuse_model *model = bnfuse_load(argv[1], NULL, &error);
    if (!model) return refuse(&error);
    int status = fold(model, argv[2]);
    bnfuse_free(model);
    return status;
}
