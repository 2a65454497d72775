/* SPDX-License-Identifier: Apache-2.0
 *
 * Schemas of operators that have no row, since nothing here runs them or knows their shapes. */
#include "onnx/graph/schema.h"

#include "onnx/graph/operator.h"

const struct other_schemas other_schemas[] = {
    { "ImageDecoder", SCHEMAS({ 20, LATEST, "u8 > u8", "pixel_format:s" }) },
    { "ai.onnx.ml:CastMap", SCHEMAS({ 1, LATEST, ". > .", "cast_to:s map_form:s max_map:i" }) },
    { "ai.onnx.ml:CategoryMapper",
      SCHEMAS({ 1, LATEST, ". > .", "cats_int64s:I cats_strings:S default_int64:i default_string:s" }) },
    { "ai.onnx.ml:DictVectorizer", SCHEMAS({ 1, LATEST, ". > .", "int64_vocabulary:I string_vocabulary:S" }) },
    { "ai.onnx.ml:FeatureVectorizer", SCHEMAS({ 1, LATEST, "T *T > f32", "inputdimensions:I" }) },
    { "ai.onnx.ml:Imputer", SCHEMAS({ 1, LATEST, "T > T",
                                      "imputed_value_floats:F imputed_value_int64s:I replaced_value_float:f "
                                      "replaced_value_int64:i" }) },
    { "ai.onnx.ml:LinearClassifier",
      SCHEMAS({ 1, LATEST, ". > . f32",
                "classlabels_ints:I classlabels_strings:S coefficients!F intercepts:F multi_class:i "
                "post_transform:s" }) },
    { "ai.onnx.ml:LinearRegressor",
      SCHEMAS({ 1, LATEST, ". > f32", "coefficients:F intercepts:F post_transform:s targets:i" }) },
    { "ai.onnx.ml:Normalizer", SCHEMAS({ 1, LATEST, ". > f32", "norm:s" }) },
    { "ai.onnx.ml:OneHotEncoder", SCHEMAS({ 1, LATEST, ". > f32", "cats_int64s:I cats_strings:S zeros:i" }) },
    { "ai.onnx.ml:SVMClassifier", SCHEMAS({ 1, LATEST, ". > . f32",
                                            "classlabels_ints:I classlabels_strings:S coefficients:F kernel_params:F "
                                            "kernel_type:s post_transform:s prob_a:F prob_b:F rho:F support_vectors:F "
                                            "vectors_per_class:I" }) },
    { "ai.onnx.ml:SVMRegressor", SCHEMAS({ 1, LATEST, ". > f32",
                                           "coefficients:F kernel_params:F kernel_type:s n_supports:i one_class:i "
                                           "post_transform:s rho:F support_vectors:F" }) },
    { "ai.onnx.ml:TreeEnsemble",
      SCHEMAS({ 5, LATEST, "T > T",
                "aggregate_function:i leaf_targetids!I leaf_weights!t membership_values:t n_targets:i "
                "nodes_falseleafs!I nodes_falsenodeids!I nodes_featureids!I nodes_hitrates:t "
                "nodes_missing_value_tracks_true:I nodes_modes!t nodes_splits!t nodes_trueleafs!I "
                "nodes_truenodeids!I post_transform:i tree_roots!I" }) },
    { "ai.onnx.ml:TreeEnsembleClassifier",
      SCHEMAS({ 1, 2, ". > . f32",
                "base_values:F class_ids:I class_nodeids:I class_treeids:I class_weights:F "
                "classlabels_int64s:I classlabels_strings:S nodes_falsenodeids:I nodes_featureids:I "
                "nodes_hitrates:F nodes_missing_value_tracks_true:I nodes_modes:S nodes_nodeids:I "
                "nodes_treeids:I nodes_truenodeids:I nodes_values:F post_transform:s" },
              { 3, 4, ". > . f32",
                "base_values:F base_values_as_tensor:t class_ids:I class_nodeids:I class_treeids:I "
                "class_weights:F class_weights_as_tensor:t classlabels_int64s:I classlabels_strings:S "
                "nodes_falsenodeids:I nodes_featureids:I nodes_hitrates:F nodes_hitrates_as_tensor:t "
                "nodes_missing_value_tracks_true:I nodes_modes:S nodes_nodeids:I nodes_treeids:I "
                "nodes_truenodeids:I nodes_values:F nodes_values_as_tensor:t post_transform:s" }) },
    { "ai.onnx.ml:TreeEnsembleRegressor",
      SCHEMAS({ 1, 2, ". > f32",
                "aggregate_function:s base_values:F n_targets:i nodes_falsenodeids:I "
                "nodes_featureids:I nodes_hitrates:F nodes_missing_value_tracks_true:I nodes_modes:S "
                "nodes_nodeids:I nodes_treeids:I nodes_truenodeids:I nodes_values:F post_transform:s "
                "target_ids:I target_nodeids:I target_treeids:I target_weights:F" },
              { 3, 4, ". > f32",
                "aggregate_function:s base_values:F base_values_as_tensor:t n_targets:i "
                "nodes_falsenodeids:I nodes_featureids:I nodes_hitrates:F nodes_hitrates_as_tensor:t "
                "nodes_missing_value_tracks_true:I nodes_modes:S nodes_nodeids:I nodes_treeids:I "
                "nodes_truenodeids:I nodes_values:F nodes_values_as_tensor:t post_transform:s "
                "target_ids:I target_nodeids:I target_treeids:I target_weights:F "
                "target_weights_as_tensor:t" }) },
    { "ai.onnx.ml:ZipMap", SCHEMAS({ 1, LATEST, "f32 > .", "classlabels_int64s:I classlabels_strings:S" }) },
    { NULL, NULL },
};
