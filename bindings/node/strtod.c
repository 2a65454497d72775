/* SPDX-License-Identifier: Apache-2.0
 *
 * strtod for WebAssembly: the host reads the number (lib/host.js), for JavaScript's rounds correctly as well. The C
 * library's computes with emulated numbers of 128 bits, which nothing else here needs. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* *length: how much of the text is the number; 0 where there is none. */
__attribute__((import_module("host"), import_name("read_number"))) double host_read_number(const char *text,
                                                                                           int *length);

double strtod(const char *restrict text, char **restrict end)
{
    int length;
    double number = host_read_number(text, &length);
    if (isinf(number) && text[length - 1] <= '9') errno = ERANGE; /* written in digits, not as "inf" */
    if (end) *end = (char *)text + length;
    return number;
}
