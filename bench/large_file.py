#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a chain of Conv and BatchNormalization whose weights have many megabytes, and measures the program on it.

    large_file.py PROGRAM FOLDER [MIB [ROUNDS]]

Three files: as it is (everything is folded), the same with its weights in a data file, and one without anything to fold.
For each, medians over ROUNDS (5) of runs that take turns: the whole job without the check (written, read back, synced)
and `explain`, against `cp`, and against `cp` followed by a sync. The caches are warm in all of it, because only then is
the processor's part visible.
"""
import array
import os
import random
import resource
import subprocess
import sys
import time

CHANNELS = 512
WEIGHT = CHANNELS * CHANNELS * 9 * 4
BLOCK = array.array("f", (random.uniform(-1, 1) for _ in range(1 << 18))).tobytes()


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def head(field, size):
    return varint(field << 3 | 2) + varint(size)


def block(field, content):
    content = content.encode() if isinstance(content, str) else content
    return head(field, len(content)) + content


def node(op, inputs, output, attributes=b""):
    return block(1, b"".join(block(1, i) for i in inputs) + block(2, output) + block(4, op) + attributes)


def value_info(field, name, dims):
    shape = b"".join(block(1, number(1, d)) for d in dims)
    return block(field, block(1, name) + block(2, block(1, number(1, 1) + block(2, shape))))


def small_tensor(name, count):
    return block(5, number(1, count) + number(2, 1) + block(8, name) + block(9, b"\0\0\x80\x3f" * count))


class Model:
    """Pieces of the graph: bytes, or None for the bytes of a weight."""

    def __init__(self, layers, op, data):
        self.pieces, self.data, self.weights = [], data, 0
        self.pieces.append(value_info(11, "v0", (1, CHANNELS, 8, 8)))
        for i in range(layers):
            self.weight(f"w{i}")
            for name in ("scale", "shift", "mean", "variance"):
                self.pieces.append(small_tensor(f"{name}{i}", CHANNELS))
            pads = block(5, block(1, "pads") + b"".join(number(8, 1) for _ in range(4)) + number(20, 7))
            self.pieces.append(node("Conv", (f"v{i}", f"w{i}"), f"c{i}", pads))
            inputs = [f"c{i}"] + [f"{name}{i}" for name in ("scale", "shift", "mean", "variance")]
            self.pieces.append(node(op, inputs if op == "BatchNormalization" else inputs[:1], f"v{i + 1}"))
        self.pieces.append(value_info(12, f"v{layers}", (1, CHANNELS, 8, 8)))
        self.pieces.append(block(2, "g"))

    def weight(self, name):
        start = b"".join(number(1, d) for d in (CHANNELS, CHANNELS, 3, 3)) + number(2, 1) + block(8, name)
        if self.data:
            entries = (("location", self.data), ("offset", str(self.weights * WEIGHT)), ("length", str(WEIGHT)))
            start += b"".join(block(13, block(1, k) + block(2, v)) for k, v in entries) + number(14, 1)
            self.pieces.append(block(5, start))
        else:
            start += head(9, WEIGHT)
            self.pieces += [head(5, len(start) + WEIGHT) + start, None]
        self.weights += 1

    def save(self, folder, name):
        size = sum(WEIGHT if p is None else len(p) for p in self.pieces)
        with open(os.path.join(folder, name), "wb") as file:
            file.write(number(1, 8) + block(8, number(2, 13)) + head(7, size))
            for piece in self.pieces:
                write_weight(file) if piece is None else file.write(piece)
        if self.data:
            with open(os.path.join(folder, self.data), "wb") as file:
                for _ in range(self.weights):
                    write_weight(file)


def write_weight(file):
    for at in range(0, WEIGHT, len(BLOCK)):
        file.write(BLOCK[:WEIGHT - at])


class Cost:
    """Seconds on the clock and of the processor, and peak memory in MiB, of one run."""

    def __init__(self, *command):
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"{' '.join(command)}: failed")
        self.wall = time.monotonic() - start
        self.cpu = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss / 1024


def median(costs, what):
    return sorted(getattr(c, what) for c in costs)[len(costs) // 2]


def measure(commands, rounds, leftovers):
    """All commands in turn, round after round, so that whatever else the machine does hits them alike."""
    costs = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            os.sync()
            costs[name].append(Cost(*command))
            for path in leftovers():
                os.remove(path)
    return costs


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    program, folder = sys.argv[1:3]
    layers = int(sys.argv[3] if len(sys.argv) > 3 else 1900) * (1 << 20) // WEIGHT
    rounds = int(sys.argv[4] if len(sys.argv) > 4 else 5)
    os.makedirs(folder, exist_ok=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    path, out = os.path.join(folder, "large.onnx"), os.path.join(folder, "out.onnx")
    for title, op, data in (("folds, inline", "BatchNormalization", None),
                            ("folds, external", "BatchNormalization", "large.bin"),
                            ("nothing to fold", "Relu", None)):
        Model(layers, op, data).save(folder, "large.onnx")
        large = os.path.join(folder, data) if data else path
        kept = set(os.listdir(folder))
        costs = measure({
            "cp": ("cp", large, out),
            "cp and sync": ("sh", "-c", f"cp '{large}' '{out}' && sync '{out}'"),
            "explain": (program, "explain", path),
            "transform": (program, path, "-o", out, "--no-check"),
        }, rounds, lambda: [os.path.join(folder, name) for name in os.listdir(folder) if name not in kept])
        cp, synced = median(costs["cp"], "wall"), median(costs["cp and sync"], "wall")
        wall = median(costs["transform"], "wall")
        print(f"{title:16} {os.path.getsize(large) >> 20} MiB: cp {cp:.3f} s; transform {wall / cp:.2f}x cp, "
              f"{wall / synced:.2f}x cp and sync, processor "
              f"{median(costs['transform'], 'cpu') / median(costs['cp'], 'cpu'):.2f}x, "
              f"{median(costs['transform'], 'memory'):.0f} MiB; explain {median(costs['explain'], 'wall') / cp:.3f}x, "
              f"{median(costs['explain'], 'memory'):.0f} MiB")
        for name in os.listdir(folder):
            os.remove(os.path.join(folder, name))


main()
