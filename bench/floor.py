#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
#   floor.py BNFUSE [RUNS]
#
# What `--enable floor` costs or gains in ONNX Runtime with all of its optimizations: nets of four Conv, ReLU and
# BatchNormalization of three sizes, as they are and folded, run in turn on one thread. Prints a table in Markdown: the
# median of the processor time of RUNS runs each (60), and the median of the ratios of neighboring runs. Needs Debian's python3-onnx.
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = [(16, 112), (64, 56), (128, 14)]  # channels, height and width
LAYERS = 4


def constant(name, values):
    return numpy_helper.from_array(values.astype(np.float32), name)


def net(channels, size, positive):
    rng = np.random.default_rng(channels)
    nodes, constants, value = [], [], 'x'
    for layer in range(LAYERS):
        sign = 1 if positive else np.where(np.arange(channels) % 2, -1, 1)
        constants += [
            constant(f'w{layer}', rng.normal(size=(channels, channels, 3, 3)) / (3 * channels**0.5)),
            constant(f'b{layer}', rng.normal(size=channels)),
            constant(f'scale{layer}', sign * rng.uniform(0.5, 1.5, channels)),
            constant(f'bias{layer}', rng.normal(size=channels)),
            constant(f'mean{layer}', rng.normal(size=channels)),
            constant(f'var{layer}', rng.uniform(0.5, 2, channels)),
        ]
        nodes += [
            helper.make_node('Conv', [value, f'w{layer}', f'b{layer}'], [f'c{layer}'], pads=[1] * 4),
            helper.make_node('Relu', [f'c{layer}'], [f'r{layer}']),
            helper.make_node('BatchNormalization',
                             [f'r{layer}'] + [f'{p}{layer}' for p in ('scale', 'bias', 'mean', 'var')], [f'n{layer}']),
        ]
        value = f'n{layer}'
    nodes += [helper.make_node('Conv', [value, 'last'], ['y'], pads=[1] * 4)]
    constants += [constant('last', rng.normal(size=(channels, channels, 3, 3)) / (3 * channels**0.5))]
    shape = [1, channels, size, size]
    inputs = [helper.make_tensor_value_info('x', TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info('y', TensorProto.FLOAT, shape)]
    graph = helper.make_graph(nodes, 'net', inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)], ir_version=8)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit('usage: floor.py BNFUSE [RUNS]')
    runs = sys.argv[2] if len(sys.argv) == 3 else '60'
    print('| channels, size | scales | as it is, ms | `--enable floor`, ms | ratio |\n|---|---|---|---|---|')
    with tempfile.TemporaryDirectory() as work:
        before, after = os.path.join(work, 'before.onnx'), os.path.join(work, 'after.onnx')
        for channels, size in SIZES:
            for positive in (True, False):
                onnx.save(net(channels, size, positive), before)
                subprocess.run([sys.argv[1], '-q', '--enable', 'floor', before, '-o', after], check=True,
                               stdout=subprocess.DEVNULL)
                if any(node.op_type == 'BatchNormalization' for node in onnx.load(after).graph.node):
                    sys.exit('a BatchNormalization was left')
                times = subprocess.run(['node', os.path.join(HERE, 'alternate.mjs'), before, after, runs], check=True,
                                       capture_output=True, text=True).stdout.split()
                print(f'| {channels}, {size} x {size} | {"positive" if positive else "of both signs"} | '
                      f'{times[0]} | {times[1]} | {times[2]} |')


main()
