/* SPDX-License-Identifier: Apache-2.0
 *
 * Elimination (matrix.h). */
#include "runtime/math/matrix.h"

#include <math.h>

/* Swaps the row with the greatest element of `column`, from the diagonal down, to the diagonal; that element, with the
 * sign that the swap gives the determinant. Rows are `width` wide. */
static double take_pivot(double *m, int64_t n, int64_t width, int64_t column)
{
    int64_t best = column;
    for (int64_t r = column + 1; r < n; r++)
        if (fabs(m[r * width + column]) > fabs(m[best * width + column])) best = r;
    for (int64_t c = 0; best != column && c < width; c++) {
        double old = m[column * width + c];
        m[column * width + c] = m[best * width + c];
        m[best * width + c] = old;
    }
    return best == column ? m[column * width + column] : -m[column * width + column];
}

double matrix_determinant(double *m, int64_t n)
{
    double product = 1;
    for (int64_t k = 0; k < n && product != 0; k++) {
        product *= take_pivot(m, n, n, k);
        for (int64_t r = k + 1; product != 0 && r < n; r++) {
            double factor = m[r * n + k] / m[k * n + k];
            for (int64_t c = k + 1; c < n; c++) m[r * n + c] -= factor * m[k * n + c];
        }
    }
    return product;
}

bool matrix_invert(double *m, int64_t n)
{
    int64_t width = 2 * n;
    for (int64_t k = 0; k < n; k++) {
        if (take_pivot(m, n, width, k) == 0) return false;
        double pivot = m[k * width + k];
        for (int64_t c = k; c < width; c++) m[k * width + c] /= pivot;
        for (int64_t r = 0; r < n; r++) {
            double factor = m[r * width + k];
            for (int64_t c = k; r != k && c < width; c++) m[r * width + c] -= factor * m[k * width + c];
        }
    }
    return true;
}
