/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that uses the library, with names of its own that the library uses inside. */
#include <bnfuse.h>

#include <stdio.h>

int fail = 0;

int resize(int size)
{
    return size + fail;
}

int main(int argc, char **argv)
{
    bnfuse_error error;
    bnfuse_model *model = argc == 3 ? bnfuse_load(argv[1], NULL, &error) : NULL;
    fail = !model || !bnfuse_fuse(model, NULL, &error) || !bnfuse_write(model, argv[2], NULL, &error);
    bnfuse_free(model);
    return printf("bnfuse %s\n", bnfuse_version()) < 0 ? 1 : resize(0);
}
