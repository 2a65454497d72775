/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of real inputs. */
#include "runtime/math/real.h"

bool call_real(struct call *call, size_t slot, const char *name, bool required, int least_rank, struct array **array)
{
    *array = call_input(call, slot);
    if (!*array) return !required || call_fail(call, "input %s is missing", name);
    if ((*array)->store != call->real)
        return call_fail(call, "input %s has type %s, which is not real", name, dtype_name((*array)->type));
    if ((*array)->rank < least_rank)
        return call_fail(call, "input %s has %d dimensions, at least %d are needed", name, (*array)->rank, least_rank);
    return true;
}

bool call_vector(struct call *call, size_t slot, const char *name, bool required, int64_t count, struct array **array)
{
    if (!call_real(call, slot, name, required, 1, array)) return false;
    if (*array && ((*array)->rank != 1 || (*array)->count != count))
        return call_fail(call, "input %s has %lld elements in %d dimensions, a vector of %lld is needed", name,
                         (long long)(*array)->count, (*array)->rank, (long long)count);
    return true;
}
