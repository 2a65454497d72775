#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""gradient_torch.py BNFUSE: gradients against PyTorch's, in float64: every operator with a gradient that PyTorch has too, by
the loss sum(sin(y)) over its outputs. Skipped (77) without python3-torch or python3-onnx. On Debian:

    apt-get install --no-install-recommends python3-torch     (600 MB with what it needs)"""
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    from onnx import TensorProto, ValueInfoProto, helper, save
except ImportError as why:
    print("gradient_torch: %s: skipped" % why)
    sys.exit(77)

program = sys.argv[1]
random = np.random.default_rng(11)
torch.set_num_threads(1)
EPSILON = 0.25  # exact in float32, as the attribute is
KINDS = {np.dtype(np.float64): TensorProto.DOUBLE, np.dtype(np.int64): TensorProto.INT64,
         np.dtype(np.int32): TensorProto.INT32, np.dtype(np.bool_): TensorProto.BOOL}


def real(*dims):
    return random.uniform(-1, 1, dims)


def above(*dims):
    return random.uniform(0.2, 1.2, dims)


def whole(*numbers):
    return np.array(numbers, np.int64)


class Given:
    """An input that nothing is derived by."""

    def __init__(self, array):
        self.array = np.asarray(array)



def our_gradients(op, attributes, inputs, outputs, opset):
    names = ["" if x is None else "x%d" % i for i, x in enumerate(inputs)]
    arrays = {n: x.array if isinstance(x, Given) else x for n, x in zip(names, inputs) if n}
    xs = [n for n, x in zip(names, inputs) if n and not isinstance(x, Given)]
    given = [n for n in arrays if n not in xs]
    nodes = [helper.make_node(op, names, outputs, **attributes)]
    sums = []
    for n in filter(None, outputs):
        nodes += [helper.make_node("Sin", [n], ["sin_" + n]), helper.make_node("ReduceSum", ["sin_" + n], ["sum_" + n], keepdims=0)]
        sums.append("sum_" + n)
    nodes.append(helper.make_node("Sum", sums, ["loss"]))
    nodes.append(helper.make_node("Gradient", xs + given, ["d_" + n for n in xs], domain="ai.onnx.preview.training", xs=xs, y="loss",
                                  **(dict(zs=given) if given else {})))
    infos = [helper.make_tensor_value_info(n, KINDS[a.dtype], a.shape) for n, a in arrays.items()]
    graph = helper.make_graph(nodes, "torch", infos, [ValueInfoProto(name="d_" + n) for n in xs])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset),
                                                                  helper.make_opsetid("ai.onnx.preview.training", 1)])
    with tempfile.TemporaryDirectory() as folder:
        save(model, folder + "/model.onnx")
        words = []
        for n, a in arrays.items():
            np.save("%s/%s.npy" % (folder, n), a)
            words += ["--input", "%s=%s/%s.npy" % (n, folder, n)]
        run = subprocess.run([program, "run", folder + "/model.onnx", "-q", "-o", folder + "/out.npz"] + words,
                             capture_output=True, text=True)
        if run.returncode:
            return run.stderr.strip()
        made = np.load(folder + "/out.npz")
        return [made["d_" + n] for n in xs]


def their_gradients(function, inputs):
    tensors = [None if x is None else torch.from_numpy(np.asarray(x.array if isinstance(x, Given) else x)) for x in inputs]
    xs = [t.requires_grad_() for t, x in zip(tensors, inputs) if x is not None and not isinstance(x, Given)]
    made = function(*tensors)
    loss = sum(torch.sin(y).sum() for y in (made if isinstance(made, tuple) else (made,)))
    return [g.numpy() for g in torch.autograd.grad(loss, xs)]


# ---- recurrent layers: PyTorch's gates come in another order, and each direction has tensors of its own ----

def recurrent(kind, gates, order, directions, reverse=False):
    def run(x, w, r, b=None, lengths=None, h=None, c=None):
        hidden = r.shape[2]
        layer = getattr(torch, kind + ("_tanh" if kind == "rnn" else ""))

        def turned(t):
            return torch.cat([t[k * hidden:(k + 1) * hidden] for k in order])

        parameters = []
        for d in range(directions):
            biases = [turned(b[d][:gates * hidden]), turned(b[d][gates * hidden:])] if b is not None else []
            parameters += [turned(w[d]), turned(r[d])] + biases
        zeros = torch.zeros(directions, x.shape[1], hidden, dtype=torch.float64)
        states = h if h is not None else zeros
        if kind == "lstm":
            states = (states, c if c is not None else zeros)
        source = torch.flip(x, [0]) if reverse else x
        made = layer(source, states, parameters, b is not None, 1, 0.0, False, directions == 2, False)
        y = torch.flip(made[0], [0]) if reverse else made[0]
        y = y.reshape(x.shape[0], x.shape[1], directions, hidden).transpose(1, 2)
        return (y,) + tuple(made[1:])

    return run


LSTM, GRU, RNN = ("lstm", 4, [0, 2, 3, 1]), ("gru", 3, [1, 0, 2]), ("rnn", 1, [0])

def selu(x):
    """With the attributes' defaults, which are floats."""
    alpha, gamma = float(np.float32(1.67326319217681884765625)), float(np.float32(1.05070102214813232421875))
    return gamma * F.elu(x, alpha)


UNARY = {
    "Abs": torch.abs, "Acos": torch.acos, "Asin": torch.asin, "Asinh": torch.asinh, "Atan": torch.atan, "Atanh": torch.atanh,
    "Cos": torch.cos, "Cosh": torch.cosh, "Erf": torch.erf, "Exp": torch.exp, "HardSwish": F.hardswish, "Mish": F.mish,
    "Neg": torch.neg, "Relu": torch.relu, "Selu": selu, "Sigmoid": torch.sigmoid, "Sin": torch.sin, "Sinh": torch.sinh,
    "Softplus": F.softplus, "Softsign": F.softsign, "Tan": torch.tan, "Tanh": torch.tanh, "Gelu": F.gelu, "Identity": lambda x: x,
}

# The operator, its attributes, its inputs, its outputs, what PyTorch calls it; and the opset where it is not 18.
CASES = [(op, {}, [real(3, 4)], ["y"], f, {"Mish": 18, "HardSwish": 14, "Gelu": 20}.get(op, 18)) for op, f in UNARY.items()]
CASES += [(op, {}, [above(3, 4)], ["y"], f) for op, f in
          {"Log": torch.log, "Sqrt": torch.sqrt, "Reciprocal": torch.reciprocal}.items()]
CASES += [
    ("Acosh", {}, [above(3, 4) + 1], ["y"], torch.acosh),
    ("Gelu", dict(approximate="tanh"), [real(3, 4)], ["y"], lambda x: F.gelu(x, approximate="tanh"), 20),
    ("Elu", dict(alpha=0.5), [real(3, 4)], ["y"], lambda x: F.elu(x, 0.5)),
    ("LeakyRelu", dict(alpha=0.25), [real(3, 4)], ["y"], lambda x: F.leaky_relu(x, 0.25)),
    ("ThresholdedRelu", dict(alpha=0.25), [real(3, 4)], ["y"], lambda x: F.threshold(x, 0.25, 0)),
    ("Shrink", dict(lambd=0.25, bias=0.25), [real(3, 4)], ["y"], lambda x: F.softshrink(x, 0.25)),
    ("PRelu", {}, [real(2, 3, 4), real(3, 1)], ["y"], lambda x, s: F.prelu(x, s.reshape(3))),
    ("Clip", {}, [real(3, 4), Given(-0.5), Given(0.25)], ["y"], lambda x, a, b: torch.clamp(x, -0.5, 0.25)),
    ("Add", {}, [real(3, 4), real(4)], ["y"], torch.add),
    ("Sub", {}, [real(3, 1), real(3, 4)], ["y"], torch.sub),
    ("Mul", {}, [real(3, 4), real(2, 1, 1)], ["y"], torch.mul),
    ("Div", {}, [real(3, 4), above(4)], ["y"], torch.div),
    ("Pow", {}, [above(3, 4), real(1, 4)], ["y"], torch.pow),
    ("Where", {}, [Given(random.uniform(size=(3, 4)) > 0.5), real(3, 4), real(4)], ["y"], torch.where),
    ("Max", {}, [real(3, 4), real(4)], ["y"], torch.maximum),
    ("Min", {}, [real(3, 4), real(4)], ["y"], torch.minimum),
    # moves
    ("Transpose", dict(perm=[2, 0, 1]), [real(2, 3, 4)], ["y"], lambda x: x.permute(2, 0, 1)),
    ("Concat", dict(axis=1), [real(2, 3), real(2, 1)], ["y"], lambda a, b: torch.cat([a, b], 1)),
    ("Gather", dict(axis=1), [real(2, 3), Given(whole(2, 0, 2))], ["y"], lambda x, i: x[:, i]),
    ("GatherElements", dict(axis=1), [real(2, 3), Given(np.array([[2, 2], [0, 1]]))], ["y"], lambda x, i: torch.gather(x, 1, i)),
    ("Pad", dict(mode="reflect"), [real(1, 2, 3, 4), Given(whole(0, 0, 1, 2, 0, 0, 0, 1))], ["y"],
     lambda x, p: F.pad(x, (2, 1, 1, 0), "reflect")),
    ("Pad", dict(mode="edge"), [real(1, 2, 3, 4), Given(whole(0, 0, 1, 2, 0, 0, 0, 1))], ["y"],
     lambda x, p: F.pad(x, (2, 1, 1, 0), "replicate")),
    ("Expand", {}, [real(2, 1), Given(whole(2, 2, 3))], ["y"], lambda x, s: x.expand(2, 2, 3)),
    ("Tile", {}, [real(2, 3), Given(whole(2, 1))], ["y"], lambda x, s: x.repeat(2, 1)),
    ("DepthToSpace", dict(blocksize=2, mode="CRD"), [real(1, 8, 2, 3)], ["y"], lambda x: F.pixel_shuffle(x, 2)),
    ("Trilu", dict(upper=0), [real(3, 4)], ["y"], torch.tril),
    ("TopK", dict(axis=1), [real(3, 5), Given(whole(2))], ["y", ""], lambda x, k: torch.topk(x, 2, 1)[0]),
    # products and convolutions
    ("MatMul", {}, [real(2, 1, 2, 3), real(3, 3, 4)], ["y"], torch.matmul),
    ("Gemm", dict(alpha=0.5, beta=2.0, transB=1), [real(2, 3), real(4, 3), real(4)], ["y"],
     lambda a, b, c: 0.5 * a @ b.T + 2 * c),
    ("Einsum", dict(equation="bij,bjk->bik"), [real(2, 3, 4), real(2, 4, 5)], ["y"], lambda a, b: torch.einsum("bij,bjk->bik", a, b)),
    ("Conv", dict(strides=[2], pads=[1, 1]), [real(2, 3, 7), real(4, 3, 3), real(4)], ["y"],
     lambda x, w, b: F.conv1d(x, w, b, 2, 1)),
    ("Conv", dict(strides=[2, 1], pads=[1, 2, 1, 2], dilations=[1, 2], group=2), [real(2, 4, 6, 7), real(6, 2, 3, 2), real(6)], ["y"],
     lambda x, w, b: F.conv2d(x, w, b, (2, 1), (1, 2), (1, 2), 2)),
    ("Conv", dict(group=3), [real(1, 3, 3, 4, 3), real(3, 1, 2, 2, 2)], ["y"], lambda x, w: F.conv3d(x, w, groups=3)),
    ("ConvTranspose", dict(strides=[2, 1], pads=[1, 0, 1, 0], output_padding=[1, 0]), [real(1, 2, 3, 3), real(2, 3, 3, 2), real(3)],
     ["y"], lambda x, w, b: F.conv_transpose2d(x, w, b, (2, 1), (1, 0), (1, 0))),
    ("ConvTranspose", dict(group=2, dilations=[2]), [real(2, 4, 3), real(4, 1, 2), real(2)], ["y"],
     lambda x, w, b: F.conv_transpose1d(x, w, b, groups=2, dilation=2)),
    # pools
    ("AveragePool", dict(kernel_shape=[3, 2], pads=[1, 1, 1, 1], strides=[2, 1], count_include_pad=1), [real(2, 1, 4, 4)], ["y"],
     lambda x: F.avg_pool2d(x, (3, 2), (2, 1), 1)),
    ("AveragePool", dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1]), [real(2, 1, 4, 4)], ["y"],
     lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)),
    ("MaxPool", dict(kernel_shape=[2, 2], strides=[1, 2], pads=[1, 1, 1, 1]), [real(2, 2, 4, 4)], ["y"],
     lambda x: F.max_pool2d(x, 2, (1, 2), 1)),
    ("GlobalAveragePool", {}, [real(2, 2, 3, 2)], ["y"], lambda x: F.adaptive_avg_pool2d(x, 1)),
    ("GlobalMaxPool", {}, [real(2, 2, 3, 2)], ["y"], lambda x: F.adaptive_max_pool2d(x, 1)),
    ("LpPool", dict(kernel_shape=[2, 2], strides=[2, 1], p=3), [above(2, 2, 4, 4)], ["y"], lambda x: F.lp_pool2d(x, 3, 2, (2, 1))),
    # reductions
    ("ReduceSum", dict(keepdims=0), [real(2, 3, 4), Given(whole(1))], ["y"], lambda x, a: x.sum(1)),
    ("ReduceMean", {}, [real(2, 3, 4), Given(whole(0, 2))], ["y"], lambda x, a: x.mean((0, 2)), 18),
    ("ReduceMax", {}, [real(2, 3, 4), Given(whole(1))], ["y"], lambda x, a: x.amax(1), 18),
    ("ReduceMin", {}, [real(2, 3, 4), Given(whole(1))], ["y"], lambda x, a: x.amin(1), 18),
    ("ReduceProd", {}, [real(2, 3, 4), Given(whole(1))], ["y"], lambda x, a: x.prod(1), 18),
    ("ReduceL1", {}, [real(2, 3, 4), Given(whole(1))], ["y"], lambda x, a: x.norm(1, 1), 18),
    ("ReduceL2", {}, [real(2, 3, 4), Given(whole(1))], ["y"], lambda x, a: x.norm(2, 1), 18),
    ("ReduceLogSumExp", {}, [real(2, 3, 4), Given(whole(1))], ["y"], lambda x, a: torch.logsumexp(x, 1), 18),
    ("CumSum", {}, [real(3, 4), Given(whole(1))], ["y"], lambda x, a: x.cumsum(1)),
    ("CumProd", {}, [real(3, 4), Given(whole(1))], ["y"], lambda x, a: x.cumprod(1), 26),
    ("Det", {}, [real(2, 4, 4)], ["y"], torch.det),
    ("DFT", dict(axis=1), [real(2, 5, 2)], ["y"], lambda x: torch.view_as_real(torch.fft.fft(torch.view_as_complex(x), dim=1)), 17),
    ("DFT", dict(axis=1, onesided=1), [real(2, 6, 1)], ["y"], lambda x: torch.view_as_real(torch.fft.rfft(x[..., 0], dim=1)), 17),
    ("Resize", dict(mode="linear"), [real(1, 2, 3, 4), None, None, Given(whole(1, 2, 5, 6))], ["y"],
     lambda x, r, s, n: F.interpolate(x, (5, 6), mode="bilinear", align_corners=False), 18),
    ("Resize", dict(mode="linear", coordinate_transformation_mode="align_corners"),
     [real(1, 2, 3, 4), None, None, Given(whole(1, 2, 5, 6))], ["y"],
     lambda x, r, s, n: F.interpolate(x, (5, 6), mode="bilinear", align_corners=True), 18),
    ("Resize", dict(mode="cubic"), [real(1, 2, 4, 4), None, None, Given(whole(1, 2, 7, 6))], ["y"],
     lambda x, r, s, n: F.interpolate(x, (7, 6), mode="bicubic", align_corners=False), 18),
    ("Resize", dict(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
     [real(1, 2, 3, 4), None, None, Given(whole(1, 2, 6, 8))], ["y"], lambda x, r, s, n: F.interpolate(x, (6, 8)), 18),
] + [
    ("GridSample", dict(mode=mode, padding_mode=padding, align_corners=align), [real(2, 2, 3, 4), 2 * real(2, 5, 6, 2)], ["y"],
     lambda x, g, a=(mode if mode == "nearest" else "bi" + mode, padding, bool(align)): F.grid_sample(x, g, *a), 20)
    for mode in ("linear", "cubic", "nearest") for padding in ("zeros", "border", "reflection") for align in (0, 1)
    if (mode, padding) != ("cubic", "border")  # PyTorch clips the points, ONNX the place
] + [
    # softmax and losses
    ("Softmax", dict(axis=1), [real(2, 3, 4)], ["y"], lambda x: F.softmax(x, 1)),
    ("LogSoftmax", dict(axis=-1), [real(2, 3, 4)], ["y"], lambda x: F.log_softmax(x, -1)),
    ("SoftmaxCrossEntropyLoss", {}, [real(5, 4), Given(whole(3, 0, 1, 1, 2)), Given(above(4))], ["y"],
     lambda x, t, w: F.cross_entropy(x, t, w)),
    ("SoftmaxCrossEntropyLoss", dict(reduction="sum", ignore_index=1), [real(2, 4, 3), Given(np.array([[3, 0, 1], [1, 2, 2]]))], ["y"],
     lambda x, t: F.cross_entropy(x, t, reduction="sum", ignore_index=1)),
    ("NegativeLogLikelihoodLoss", dict(reduction="none"), [real(2, 4, 3), Given(np.array([[3, 0, 1], [1, 2, 2]]))], ["y"],
     lambda x, t: F.nll_loss(x, t, reduction="none")),
    # normalizations
    ("BatchNormalization", dict(epsilon=EPSILON), [real(4, 3, 2, 5), real(3), real(3), real(3), above(3)], ["y"],
     lambda x, g, b, m, v: g[:, None, None] * (x - m[:, None, None]) / torch.sqrt(v[:, None, None] + EPSILON) + b[:, None, None]),
    ("BatchNormalization", dict(epsilon=EPSILON, training_mode=1), [real(4, 3, 2, 5), real(3), real(3), Given(real(3)), Given(above(3))],
     ["y", "", ""], lambda x, g, b, m, v: F.batch_norm(x, None, None, g, b, True, 0.1, EPSILON)),
    ("LayerNormalization", dict(epsilon=EPSILON), [real(4, 3, 6), real(6), real(6)], ["y"],
     lambda x, g, b: F.layer_norm(x, (6,), g, b, EPSILON)),
    ("LayerNormalization", dict(epsilon=EPSILON, axis=1), [real(4, 3, 6), real(3, 6)], ["y"],
     lambda x, g: F.layer_norm(x, (3, 6), g, None, EPSILON)),
    ("GroupNormalization", dict(epsilon=EPSILON, num_groups=2), [real(2, 4, 3, 2), real(4), real(4)], ["y"],
     lambda x, g, b: F.group_norm(x, 2, g, b, EPSILON), 21),
    ("InstanceNormalization", dict(epsilon=EPSILON), [real(2, 3, 4, 2), real(3), real(3)], ["y"],
     lambda x, g, b: F.instance_norm(x, None, None, g, b, True, 0.1, EPSILON)),
    ("LRN", dict(size=3, alpha=0.5, beta=0.75, bias=2.0), [real(2, 4, 2, 2)], ["y"],
     lambda x: F.local_response_norm(x, 3, 0.5, 0.75, 2.0)),
    ("LpNormalization", dict(axis=1, p=2), [real(2, 3, 4)], ["y"], lambda x: F.normalize(x, 2, 1)),
    # recurrent layers
    ("RNN", dict(hidden_size=2), [real(3, 2, 3), real(1, 2, 3), real(1, 2, 2), real(1, 4), None, real(1, 2, 2)], ["y", "h"],
     recurrent(*RNN, 1)),
    ("GRU", dict(hidden_size=2, linear_before_reset=1), [real(3, 2, 3), real(1, 6, 3), real(1, 6, 2), real(1, 12), None, real(1, 2, 2)],
     ["y", "h"], recurrent(*GRU, 1)),
    ("GRU", dict(hidden_size=2, linear_before_reset=1, direction="bidirectional"), [real(3, 2, 3), real(2, 6, 3), real(2, 6, 2), real(2, 12)],
     ["y", "h"], recurrent(*GRU, 2)),
    ("LSTM", dict(hidden_size=2), [real(3, 2, 3), real(1, 8, 3), real(1, 8, 2), real(1, 16), None, real(1, 2, 2), real(1, 2, 2)],
     ["y", "h", "c"], recurrent(*LSTM, 1)),
    ("LSTM", dict(hidden_size=2, direction="reverse"), [real(3, 2, 3), real(1, 8, 3), real(1, 8, 2), real(1, 16)], ["y", "h", "c"],
     recurrent(*LSTM, 1, True)),
    ("LSTM", dict(hidden_size=2, direction="bidirectional"), [real(3, 2, 3), real(2, 8, 3), real(2, 8, 2)], ["y", "h", "c"],
     recurrent(*LSTM, 2)),
]

worst, failed = 0, 0
for op, attributes, inputs, outputs, function, *opset in CASES:
    ours = our_gradients(op, attributes, inputs, outputs, opset[0] if opset else 18)
    if isinstance(ours, str):
        print("%s %s: %s" % (op, attributes, ours))
        failed += 1
        continue
    for i, (a, b) in enumerate(zip(ours, their_gradients(function, inputs))):
        off = np.abs(a - b).max() / max(np.abs(b).max(), 1e-300) if a.shape == b.shape else np.inf
        if not off < 1e-9:
            print("%s %s: gradient %d is off by %g" % (op, attributes, i, off))
            failed += 1
        worst = max(worst, off if off == off else 1)
print("gradient_torch: %d cases held against PyTorch %s, worst relative difference %.1e" % (len(CASES), torch.__version__, worst))
sys.exit(failed > 0)
