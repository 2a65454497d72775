#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""gradient_forms.py BNFUSE: gradients against their closed forms, written here with numpy: BatchNormalization in training
mode, LayerNormalization, and the cross entropy of a softmax. A judge that shares nothing with the derivation by steps.
Skipped (77) without python3-onnx."""
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from onnx import TensorProto, ValueInfoProto, helper, save
except ImportError:
    print("gradient_forms: no python3-onnx: skipped")
    sys.exit(77)

program = sys.argv[1]
random = np.random.default_rng(3)
EPSILON = 0.25  # exact in float32, as the attribute is


def real(*dims):
    return random.uniform(-2, 2, dims)


def gradients(nodes, xs, zs):
    """Those of "loss" by the arrays of xs."""
    node = helper.make_node("Gradient", list(xs) + list(zs), ["d_" + n for n in xs], domain="ai.onnx.preview.training",
                            xs=list(xs), zs=list(zs), y="loss")
    given = dict(xs, **zs)
    kinds = {n: TensorProto.INT64 if a.dtype == np.int64 else TensorProto.DOUBLE for n, a in given.items()}
    graph = helper.make_graph(nodes + [node], "form", [helper.make_tensor_value_info(n, kinds[n], a.shape)
                                                       for n, a in given.items()],
                              [ValueInfoProto(name=n) for n in node.output])
    model = helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.preview.training", 1)])
    with tempfile.TemporaryDirectory() as folder:
        save(model, folder + "/model.onnx")
        words = []
        for n, a in given.items():
            np.save("%s/%s.npy" % (folder, n), a)
            words += ["--input", "%s=%s/%s.npy" % (n, folder, n)]
        subprocess.run([program, "run", folder + "/model.onnx", "-q", "-o", folder + "/out.npz"] + words, check=True)
        made = np.load(folder + "/out.npz")
        return {n: made["d_" + n] for n in xs}


# The loss is the sum of c * Y, so c is the gradient of Y.
WEIGH = [helper.make_node("Mul", ["y", "c"], ["cy"]), helper.make_node("ReduceSum", ["cy"], ["loss"], keepdims=0)]


def normalized(x, g, axes):
    """x without mean and deviation over axes; and how the gradient g of that goes on to x."""
    deviation = np.sqrt(x.var(axes, keepdims=True) + EPSILON)
    z = (x - x.mean(axes, keepdims=True)) / deviation
    return z, (g - g.mean(axes, keepdims=True) - z * (g * z).mean(axes, keepdims=True)) / deviation


def batch_normalization():
    x, c, scale, shift = real(4, 3, 2, 5), real(4, 3, 2, 5), real(3), real(3)
    node = helper.make_node("BatchNormalization", ["x", "scale", "shift", "mean", "variance"], ["y", "m", "v"],
                            training_mode=1, epsilon=EPSILON)
    made = gradients([node] + WEIGH, dict(x=x, scale=scale, shift=shift), dict(mean=real(3), variance=np.ones(3), c=c))
    z, dx = normalized(x, c * scale[:, None, None], (0, 2, 3))
    return made, dict(x=dx, scale=(c * z).sum((0, 2, 3)), shift=c.sum((0, 2, 3)))


def layer_normalization():
    x, c, scale, shift = real(4, 3, 6), real(4, 3, 6), real(6), real(6)
    node = helper.make_node("LayerNormalization", ["x", "scale", "shift"], ["y"], epsilon=EPSILON)
    made = gradients([node] + WEIGH, dict(x=x, scale=scale, shift=shift), dict(c=c))
    z, dx = normalized(x, c * scale, 2)
    return made, dict(x=dx, scale=(c * z).sum((0, 1)), shift=c.sum((0, 1)))


def cross_entropy():
    x, labels = real(5, 4), np.array([3, 0, 1, 1, 2], np.int64)
    node = helper.make_node("SoftmaxCrossEntropyLoss", ["x", "labels"], ["loss"])
    made = gradients([node], dict(x=x), dict(labels=labels))
    shares = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    return made, dict(x=(shares - np.eye(4)[labels]) / 5)


worst = 0
for form in batch_normalization, layer_normalization, cross_entropy:
    made, expected = form()
    for name, dx in expected.items():
        off = np.abs(made[name] - dx).max() / np.abs(dx).max()
        if not off < 1e-12:
            print("%s: the gradient by %s is off by %g" % (form.__name__, name, off))
        worst = max(worst, off if off == off else 1)
print("gradient_forms: closed forms of 3 operators, worst relative difference %.1e" % worst)
sys.exit(int(worst >= 1e-12))
