/* SPDX-License-Identifier: Apache-2.0
 *
 * What each reason means, with a picture, and what to do: docs/reasons.md and `bnfuse reasons CODE`. */
#include "passes/decide/reasons.h"

static const struct {
    enum reason reason;
    const char *page;
} pages[] = {
    { REASON_READ_ELSEWHERE,
      "    Conv --+--> BatchNormalization\n"
      "           +--> Add\n"
      "\n"
      "Folding would change what the Conv writes, and the Add reads that too. It folds all the same where every\n"
      "other reader is a linear operator that can take the inverse (1/s, where no scale is below 1e-3 of the largest\n"
      "or a tenth of its bias), or where the other reader is a Conv and the two are added. Where the other reader is\n"
      "the skip of a pre-activation block, the shift goes into the Conv and out of the skip again, and the scale\n"
      "crosses the ReLU if it is positive on every channel. Branches that meet again are crossed together: the parts\n"
      "that a Concat puts together (torch.roll), the terms of a sum; and what is added to `BN(x)` and is an affine of\n"
      "x goes into it.\n"
      "\n"
      "Otherwise this is how the network is made (DenseNet, say). `--lower mul-add` turns what stays into Mul and Add\n"
      "for runtimes that have no BatchNormalization; `--enable floor` often opens the other direction, across "
      "ReLU.\n" },
    { REASON_GRAPH_OUTPUT, "    Conv --+--> BatchNormalization --> ...\n"
                           "           +--> graph output\n"
                           "\n"
                           "A caller of the model reads the value that would have to be scaled. If nobody needs that "
                           "output (features that a\n"
                           "training script left, say), export the model without it: then it folds. `--lower mul-add` "
                           "helps where the runtime\n"
                           "lacks BatchNormalization.\n" },
    { REASON_TRAINING_MODE,
      "It normalizes by the statistics of the batch at hand, so there are no constants to fold. A model exported "
      "without\n"
      "eval() looks like this: export it again, or say `--assume-inference`, which leaves one whose mean or variance "
      "is\n"
      "read. An InstanceNormalization is sometimes exported in this form, and then it is meant: with a batch declared "
      "as 1, `--enable instance` writes it as "
      "one.\n" },
    { REASON_NOT_CONSTANT,
      "Scale, bias, mean or variance comes out of the network (conditional normalization, hypernetworks) or is an "
      "output of\n"
      "something that is not computed beforehand. Nothing is to be done unless the value is constant after all.\n" },
    { REASON_OVERRIDABLE,
      "The parameter is a graph input with a default, as exporters wrote before 2019: a caller may pass another "
      "value.\n"
      "`--freeze-weights` takes the defaults for constants, and the inputs that were folded go.\n" },
    { REASON_NON_LINEAR, "    Conv --> Sigmoid --> BatchNormalization --> Softmax\n"
                         "\n"
                         "Scale and shift cannot cross the operator that is named. Across Relu and Clip they can with "
                         "`--enable floor`: ReLU\n"
                         "becomes a Max with one number per channel.\n" },
    { REASON_QUANTIZED,
      "The weight is stored as integers whose parts cannot be changed one by one. Scales per output channel take the "
      "fold, and\n"
      "one scale for all becomes one per channel from opset 13 on. What does not go: scales along other axes, an "
      "integer at\n"
      "the end of its range that a negative scale would mirror out of it, a bias of integers that would have to be "
      "rounded\n"
      "again, one scale before opset 13. Best fold before quantizing.\n" },
    { REASON_NOT_FINITE,
      "The folded weight or bias of the channel that is named would leave its type (half precision ends at 65504), or\n"
      "variance + epsilon is not positive. Look at the statistics of that channel.\n" },
    { REASON_MISMATCH, "Channels or types do not agree, at the node that is named, so no runtime takes the model as it "
                       "is. A change might\n"
                       "hide the mistake: the whole model stays as it is.\n" },
    { REASON_PADDED_SHIFT,
      "    BatchNormalization --> Conv (pads 1)\n"
      "\n"
      "The zeros of the padding come after the BatchNormalization, so its shift reaches the middle of the image and\n"
      "not the border: no bias does that. It folds all the same where the Conv has one position only, or where\n"
      "nothing but an average over the whole plane reads it, before a linear operator, and the sizes are known.\n"
      "`--enable shift-map` leaves an Add of a constant plane per channel, where the sizes are known;\n"
      "`--enable bn-before-padded-conv` folds the scale and leaves an Add of one number per channel. With a ReLU\n"
      "before the BatchNormalization, `--enable floor` folds all of it into the Conv before that.\n" },
    { REASON_AXIS_NOT_PROVEN, "It cannot be proven which axis holds the channels on the other side of a Reshape, or a "
                              "rank is unknown. Declare the\n"
                              "input's rank and dims when exporting.\n" },
    { REASON_NEGATIVE_SCALE,
      "    Conv --> MaxPool --> BatchNormalization (a scale below zero)\n"
      "\n"
      "A negative scale turns the largest element into the smallest. The channel is named. `--enable floor` takes the "
      "size "
      "of\n"
      "the scale upstream across the pool and sends the sign downstream, into the next linear operator.\n" },
    { REASON_WEIGHT_DYNAMIC,
      "The linear operator beside it has a weight that the network computes, so there is nothing to fold into.\n" },
    { REASON_WEIGHT_OVERRIDE, "The weight is a graph input with a default, which a caller may replace. "
                              "`--freeze-weights` takes it for a constant.\n" },
    { REASON_PER_ELEMENT,
      "Before opset 9, spatial = 0 gives each element parameters of its own. With an input of rank 2 that is per "
      "channel and\n"
      "folds. With vectors as parameters and more axes the attribute was written by mistake, and no runtime takes the\n"
      "model: remove it.\n" },
    { REASON_BUDGET,
      "    weight --+--> Conv --> BatchNormalization\n"
      "             +--> Conv --> Relu\n"
      "\n"
      "The fold needs numbers that the file does not store yet: a copy of a weight that others read too, a weight or\n"
      "parameter that is computed from constants, a bias that becomes a matrix, integers whose sign changes. All folds "
      "of\n"
      "a model together may add `--fold-limit` bytes (256M), and this one would add more than is left; the line names "
      "the\n"
      "node whose weight it is, and folds that came before are made.\n"
      "\n"
      "- If the model may grow, allow it: `--fold-limit 1G`. `bnfuse explain` with the option says what folds then.\n"
      "- If it may not, give the readers of a shared weight weights of their own where they are trained, or fold each\n"
      "  branch before the weights are tied.\n"
      "- A constant that takes more than a second of predicted work to compute stays, whatever the option says: let "
      "the\n"
      "  exporter fold constants (`do_constant_folding`), or store the result as an initializer.\n" },
    { REASON_SHARED_FUNCTION, "It stands in a local function whose calls pass different parameters. Where a linear "
                              "operator stands beside a call,\n"
                              "the calls are replaced by copies of the body, with what If, Loop and Scan hold in it, "
                              "and the fold is made; but\n"
                              "not where the body imports another opset than its callers, or hands on an input as it "
                              "is. Inline such a function\n"
                              "before.\n" },
    { REASON_SKIPPED, "`--skip` named it.\n" },
    { REASON_NO_NEIGHBOR, "    graph input --> BatchNormalization --> graph output\n"
                          "\n"
                          "There is nothing to fold into.\n" },
    { REASON_UNKNOWN_OPSET,
      "The model's opset is newer than this bnfuse, which does not guess what its operators mean.\n" },
    { REASON_NOT_WORTH,
      "    BatchNormalization --+--> MatMul\n"
      "                         +--> MatMul\n"
      "                         +--> MatMul\n"
      "\n"
      "The scale could go, but as many nodes would be left over for the shift as the fold takes away, or more. A "
      "MatMul "
      "that\nan Add of constants follows takes the shift there: models with a bias after every MatMul fold.\n"
      "What is left may also be more or less by sizes that the graph's inputs leave open: `--dim NAME=N` says them, "
      "and "
      "the\nfold is right at any other.\n"
      "`--lower mul-add` and `--lower conv` help where the runtime lacks BatchNormalization.\n" },
    { REASON_VARIES_INSIDE,
      "    Conv --> Flatten --> BatchNormalization\n"
      "\n"
      "Every pixel has a scale of its own (BatchNorm1d after a Flatten, sub-spectral normalization), and the operator "
      "that\n"
      "would take it has one for each channel only. Normalize before flattening, then it folds. An embedding table "
      "from\n"
      "which one Gather reads several fields has one row for all of them: give each field a Gather of its own.\n" },
    { REASON_RECOGNIZED,
      "    ReduceMean --> Sub --> Pow --> ReduceMean --> Sqrt --> Div --> Mul by constants --> MatMul\n"
      "\n"
      "A Mul, Add, Sub, Div or Neg by constants, no BatchNormalization. It could go into the operator that follows,\n"
      "but runtimes run the nodes around it as one fused operator, and would not find that any more.\n" },
    { REASON_NOT_TRIED,
      "    bnfuse model.onnx --disable fold\n"
      "\n"
      "The passes that fold were switched off, or the limit of their rounds was reached before its turn came.\n" },
};

const char *reason_page(int code)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if ((int)pages[i].reason == code) return pages[i].page;
    return "";
}
