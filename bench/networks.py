#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""networks.py FOLDER [NAME...]

Writes resnet18, resnet50, mobilenet_v2, efficientnet_b0 and densenet121 with the layers, sizes and names that PyTorch's
exporter gives those of torchvision in training mode (so each BatchNormalization is there), and random weights."""
import array, os, random, sys
from onnx_file import field, model, node, tensor, value_info


class Network:
    """A graph as it grows; what adds a layer takes the name of a value and returns that of the next."""

    def __init__(self, channels):
        self.nodes, self.weights, self.count = [], [], 0
        self.channels = {"input": channels}

    def add(self, op, inputs, channels, **attributes):
        self.count += 1
        output = "onnx::%s_%d" % (op, self.count)
        self.nodes.append(node(op, "%s_%d" % (op, self.count), inputs, output, **attributes))
        self.channels[output] = channels
        return output

    def weight(self, name, dims, low, high):
        total = 1
        for size in dims:
            total *= size
        some = array.array("f", (random.uniform(low, high) for _ in range(min(total, 4099))))  # a prime: no pattern by rows
        data = (some * (total // len(some) + 1))[:total].tobytes()
        self.weights.append(tensor(name, dims) + field(9, data))
        return name

    def conv(self, x, name, channels, kernel=1, stride=1, group=1, bias=False):
        inputs = [x, self.weight(name + ".weight", (channels, self.channels[x] // group, kernel, kernel), -0.1, 0.1)]
        if bias:
            inputs.append(self.weight(name + ".bias", (channels,), -0.1, 0.1))
        return self.add("Conv", inputs, channels, dilations=[1, 1], group=group, kernel_shape=[kernel] * 2,
                        pads=[kernel // 2] * 4, strides=[stride] * 2)

    def norm(self, x, name):
        c = self.channels[x]
        limits = {"weight": (0.8, 1.2), "bias": (-0.2, 0.2), "running_mean": (-0.2, 0.2), "running_var": (0.8, 1.2)}
        inputs = [x] + [self.weight(name + "." + part, (c,), *limit) for part, limit in limits.items()]
        return self.add("BatchNormalization", inputs, c, epsilon=1e-5, momentum=0.9)

    def on(self, op, *inputs, channels=0, **attributes):
        return self.add(op, list(inputs), channels or self.channels[inputs[0]], **attributes)

    def pool(self, op, x, kernel, stride, pad):
        return self.on(op, x, kernel_shape=[kernel] * 2, pads=[pad] * 4, strides=[stride] * 2)

    def classifier(self, x, name):
        c = self.channels[x]
        x = self.on("Flatten", self.on("GlobalAveragePool", x), axis=1)
        return self.add("Gemm", [x, self.weight(name + ".weight", (1000, c), -0.1, 0.1),
                                 self.weight(name + ".bias", (1000,), -0.1, 0.1)], 1000, alpha=1.0, beta=1.0, transB=1)

    def write(self, last, path):
        fields = [field(1, each) for each in self.nodes] + [field(2, "main_graph")]
        fields += [field(5, each) for each in self.weights]
        fields += [field(11, value_info("input", (1, 3, 224, 224))), field(12, value_info(last, (1, 1000)))]
        with open(path, "wb") as to:
            to.write(model(sum(map(len, fields))))
            to.writelines(fields)


def resnet(net, layers, bottleneck):
    x = net.on("Relu", net.norm(net.conv("input", "conv1", 64, 7, 2), "bn1"))
    x = net.pool("MaxPool", x, 3, 2, 1)
    for stage, blocks in enumerate(layers):
        width = 64 << stage
        for block in range(blocks):
            name, stride, same = "layer%d.%d." % (stage + 1, block), 2 if stage and not block else 1, x
            wide = width * 4 if bottleneck else width
            shapes = [(width, 1, 1), (width, 3, stride), (wide, 1, 1)] if bottleneck else [(width, 3, stride), (wide, 3, 1)]
            for i, (channels, kernel, step) in enumerate(shapes, 1):
                x = net.on("Relu", x) if i > 1 else x
                x = net.norm(net.conv(x, name + "conv%d" % i, channels, kernel, step), name + "bn%d" % i)
            if net.channels[same] != wide or stride > 1:
                same = net.norm(net.conv(same, name + "downsample.0", wide, 1, stride), name + "downsample.1")
            x = net.on("Relu", net.on("Add", x, same))
    return net.classifier(x, "fc")


def relu6(net, x):
    low, high = (net.add("Constant", [], 0, value=tensor("", ()) + field(4, limit)) for limit in (0.0, 6.0))
    return net.on("Clip", x, low, high)


def mobilenet_v2(net):
    x = relu6(net, net.norm(net.conv("input", "features.0.0", 32, 3, 2), "features.0.1"))
    index = 1
    for expand, channels, blocks, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                             (6, 160, 3, 2), (6, 320, 1, 1)):
        for block in range(blocks):
            name, at, same, hidden = "features.%d.conv." % index, 0, x, net.channels[x] * expand
            if expand > 1:
                x, at = relu6(net, net.norm(net.conv(x, name + "0.0", hidden), name + "0.1")), 1
            x = relu6(net, net.norm(net.conv(x, "%s%d.0" % (name, at), hidden, 3, 1 if block else stride, hidden),
                                    "%s%d.1" % (name, at)))
            x = net.norm(net.conv(x, "%s%d" % (name, at + 1), channels), "%s%d" % (name, at + 2))
            x = net.on("Add", same, x) if net.channels[same] == channels and (block or stride == 1) else x
            index += 1
    x = relu6(net, net.norm(net.conv(x, "features.18.0", 1280), "features.18.1"))
    return net.classifier(x, "classifier.1")


def silu(net, x):
    return net.on("Mul", x, net.on("Sigmoid", x))


def efficientnet_b0(net):
    x = silu(net, net.norm(net.conv("input", "features.0.0", 32, 3, 2), "features.0.1"))
    for stage, (expand, kernel, channels, blocks, stride) in enumerate((
            (1, 3, 16, 1, 1), (6, 3, 24, 2, 2), (6, 5, 40, 2, 2), (6, 3, 80, 3, 2), (6, 5, 112, 3, 1), (6, 5, 192, 4, 2),
            (6, 3, 320, 1, 1)), 1):
        for block in range(blocks):
            name, at, same, narrow = "features.%d.%d.block." % (stage, block), 0, x, net.channels[x]
            hidden = narrow * expand
            if expand > 1:
                x, at = silu(net, net.norm(net.conv(x, name + "0.0", hidden), name + "0.1")), 1
            part = "%s%d." % (name, at)
            x = silu(net, net.norm(net.conv(x, part + "0", hidden, kernel, 1 if block else stride, hidden), part + "1"))
            part = "%s%d." % (name, at + 1)
            scale = silu(net, net.conv(net.on("GlobalAveragePool", x), part + "fc1", max(1, narrow // 4), bias=True))
            x = net.on("Mul", net.on("Sigmoid", net.conv(scale, part + "fc2", hidden, bias=True)), x)
            part = "%s%d." % (name, at + 2)
            x = net.norm(net.conv(x, part + "0", channels), part + "1")
            x = net.on("Add", x, same) if narrow == channels and (block or stride == 1) else x
    x = silu(net, net.norm(net.conv(x, "features.8.0", 1280), "features.8.1"))
    return net.classifier(x, "classifier.1")


def densenet121(net):
    def norm_conv(x, name, at, channels, kernel=1):
        return net.conv(net.on("Relu", net.norm(x, "%snorm%s" % (name, at))), "%sconv%s" % (name, at), channels, kernel)

    x = net.on("Relu", net.norm(net.conv("input", "features.conv0", 64, 7, 2), "features.norm0"))
    x = net.pool("MaxPool", x, 3, 2, 1)
    for block, layers in enumerate((6, 12, 24, 16), 1):
        all_of = [x]
        for layer in range(1, layers + 1):
            name, c = "features.denseblock%d.denselayer%d." % (block, layer), sum(net.channels[each] for each in all_of)
            x = net.on("Concat", *all_of, channels=c, axis=1)
            all_of.append(norm_conv(norm_conv(x, name, "1", 128), name, "2", 32, 3))
        c = sum(net.channels[each] for each in all_of)
        x = net.on("Concat", *all_of, channels=c, axis=1)
        if block < 4:
            x = net.pool("AveragePool", norm_conv(x, "features.transition%d." % block, "", c // 2), 2, 2, 0)
    return net.classifier(net.on("Relu", net.norm(x, "features.norm5")), "classifier")


NETWORKS = {
    "resnet18": lambda net: resnet(net, (2, 2, 2, 2), False),
    "resnet50": lambda net: resnet(net, (3, 4, 6, 3), True),
    "mobilenet_v2": mobilenet_v2,
    "efficientnet_b0": efficientnet_b0,
    "densenet121": densenet121,
}


def write(name, path):
    random.seed(name)
    net = Network(3)
    net.write(NETWORKS[name](net), path)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for name in sys.argv[2:] or NETWORKS:
        write(name, os.path.join(sys.argv[1], name + ".onnx"))
