/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables that the family files end in, for the list in operators.c: each is ended by a row without name. */
#ifndef RUNTIME_OPS_OPERATORS_H
#define RUNTIME_OPS_OPERATORS_H

#include "onnx/graph/operator.h"

extern const struct operator_row attention_operators[], cast_operators[], col2im_operators[], control_operators[],
    conv_operators[], detect_operators[], determinant_operators[], einsum_operators[], arithmetic_operators[],
    activation_operators[], logic_operators[], dropout_operators[], feature_operators[], image_operators[],
    linear_operators[], regex_operators[], tree_operators[], fused_operators[], fused_attention_operators[],
    fused_blocks_operators[], fused_quant_operators[], group_query_operators[], quantized_rnn_operators[],
    expert_operators[], gather_operators[], gradient_operators[], gemm_operators[], integer_operators[],
    layer_norm_operators[], loss_operators[], microsoft_operators[], ml_operators[], move_operators[], pad_operators[],
    part_operators[], norm_operators[], optimizer_operators[], pool_operators[], quant_operators[], random_operators[],
    recurrence_operators[], reduce_operators[], removed_operators[], resize_operators[], rnn_operators[],
    rotary_operators[], sample_operators[], sequence_operators[], shape_operators[], signal_operators[],
    softmax_operators[], sort_operators[], svm_operators[], text_operators[], view_operators[];

#endif
