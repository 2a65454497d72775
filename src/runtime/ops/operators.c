/* SPDX-License-Identifier: Apache-2.0
 *
 * The families: every table of operators there is. */
#include "runtime/ops/operators.h"

#include <stddef.h>

const struct operator_row *const operator_families[] = {
    arithmetic_operators,   activation_operators,  logic_operators,       dropout_operators,
    cast_operators,         shape_operators,       view_operators,        move_operators,
    pad_operators,          part_operators,        gather_operators,      reduce_operators,
    softmax_operators,      gemm_operators,        einsum_operators,      conv_operators,
    pool_operators,         norm_operators,        layer_norm_operators,  resize_operators,
    rnn_operators,          quant_operators,       integer_operators,     control_operators,
    sequence_operators,     sort_operators,        detect_operators,      loss_operators,
    random_operators,       signal_operators,      attention_operators,   rotary_operators,
    recurrence_operators,   text_operators,        sample_operators,      col2im_operators,
    determinant_operators,  ml_operators,          fused_operators,       fused_attention_operators,
    fused_blocks_operators, fused_quant_operators, group_query_operators, quantized_rnn_operators,
    expert_operators,       microsoft_operators,   optimizer_operators,   removed_operators,
    gradient_operators,     feature_operators,     image_operators,       linear_operators,
    regex_operators,        svm_operators,         tree_operators,        NULL,
};
