/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of conversions, and the choice of a row. */
#include "onnx/read/convert.h"

#include "base/instruction_set.h"

#define ROW portable
#define TARGET
#include "onnx/read/convert_row.h"

#if defined(__x86_64__)

#define ROW    avx2
#define TARGET TARGET_AVX2
#include "onnx/read/convert_row.h"

#define ROW    avx512
#define TARGET TARGET_AVX512
#include "onnx/read/convert_row.h"

static const struct convert *const rows[INSTRUCTION_SETS] = { &convert_avx512, &convert_avx2, &convert_portable };

#else

/* Where every processor has vectors, as AArch64's, the portable row uses them. */
static const struct convert *const rows[] = { &convert_portable };

#endif

int convert_row_count(void)
{
    return (int)(sizeof rows / sizeof *rows) - (sizeof rows / sizeof *rows > 1 ? instruction_set_first() : 0);
}

const struct convert *convert_for(int row)
{
    int most = (int)(sizeof rows / sizeof *rows), last = convert_row_count() - 1;
    return rows[most - 1 - last + (row < last ? row : last)];
}
