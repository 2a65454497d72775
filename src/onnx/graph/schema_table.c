/* SPDX-License-Identifier: Apache-2.0
 *
 * Schemas of operators that have no row, since nothing here runs them or knows their shapes. */
#include "onnx/graph/schema.h"

#include "onnx/graph/operator.h"

const struct other_schemas other_schemas[] = {
    { "ai.onnx.ml:CastMap", SCHEMAS({ 1, LATEST, ". > .", "cast_to:s map_form:s max_map:i" }) },
    { "ai.onnx.ml:CategoryMapper",
      SCHEMAS({ 1, LATEST, ". > .", "cats_int64s:I cats_strings:S default_int64:i default_string:s" }) },
    { "ai.onnx.ml:DictVectorizer", SCHEMAS({ 1, LATEST, ". > .", "int64_vocabulary:I string_vocabulary:S" }) },
    { "ai.onnx.ml:SVMClassifier", SCHEMAS({ 1, LATEST, ". > . f32",
                                            "classlabels_ints:I classlabels_strings:S coefficients:F kernel_params:F "
                                            "kernel_type:s post_transform:s prob_a:F prob_b:F rho:F support_vectors:F "
                                            "vectors_per_class:I" }) },
    { "ai.onnx.ml:ZipMap", SCHEMAS({ 1, LATEST, "f32 > .", "classlabels_int64s:I classlabels_strings:S" }) },
    { NULL, NULL },
};
