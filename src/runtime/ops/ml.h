/* SPDX-License-Identifier: Apache-2.0
 *
 * What models of ai.onnx.ml share: what becomes of scores, and the classes that are read off them. */
#ifndef RUNTIME_OPS_ML_H
#define RUNTIME_OPS_ML_H

#include "onnx/shape/rules.h"
#include "runtime/kernel.h"

enum post_transform { POST_NONE, POST_SOFTMAX, POST_LOGISTIC, POST_SOFTMAX_ZERO, POST_PROBIT };

/* As the attribute post_transform names it. */
bool ml_read_transform(struct call *call, enum post_transform *post);
/* The scores of one row, in place. SOFTMAX_ZERO leaves zeros as they are. */
void ml_transform(enum post_transform post, double *scores, int64_t count);
/* Of two classes from the score of the second: a share of 1, or a margin, whose logistic function may be wanted. */
void ml_two_scores(double score, bool is_share, bool is_logistic, double *scores);
/* The place of the greatest, the first of equal ones. */
int64_t ml_greatest(const double *scores, int64_t count);

/* How many labels the attributes classlabels_* list. */
int64_t ml_label_count(const struct node *node);
/* Outputs of a classifier: the label of the chosen class of each row, and all scores, [rows, classes]. */
bool ml_put_classes(struct call *call, const int64_t *chosen, const double *scores, int64_t rows, int64_t classes);
bool ml_shape_scores(struct shaping *s, int64_t classes);
bool ml_shape_classes(struct shaping *s); /* with a score for each label */

/* Input 0 as rows of numbers; a vector is one. */
struct ml_rows {
    const struct array *x;
    int64_t count, width;
};
bool ml_read_rows(struct call *call, struct ml_rows *r);
/* Output of a regressor, [rows, targets]; the scores are transformed in place. */
void ml_put_scores(struct call *call, enum post_transform post, double *scores, int64_t rows, int64_t targets);
bool ml_shape_targets(struct shaping *s);

#endif
