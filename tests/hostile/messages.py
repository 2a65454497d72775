# SPDX-License-Identifier: Apache-2.0
"""ONNX's messages put together by hand, byte by byte: for files that no ONNX library would write, and where there is none."""
import struct


# ---- the wire format ----

def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(number, values):
    return b"".join(field(number, v) for v in values)


# ---- the messages of ONNX ----

FLOAT, INT32, INT64, STRING, BOOL, DOUBLE = 1, 6, 7, 8, 9, 11
SIZES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2, 17: 1, 18: 1, 19: 1,
         20: 1}


def tensor(name, dims, type=FLOAT, raw=None, more=b""):
    count = 1
    for d in dims:
        count *= max(d, 0)
    if raw is None:
        one = {FLOAT: struct.pack("<f", 0.5), DOUBLE: struct.pack("<d", 0.5)}.get(type, (1).to_bytes(SIZES.get(type, 1), "little"))
        raw = one * count
    data = field(9, raw) if raw is not False else b""
    return fields(1, dims) + field(2, type) + field(8, name) + data + more


def numbers(name, values):
    return tensor(name, [len(values)], INT64, struct.pack("<%dq" % len(values), *values))


def attribute(name, value):
    head = field(1, name)
    if isinstance(value, tuple):  # a message: ("t", bytes) or ("g", bytes)
        return head + field({"t": 5, "g": 6, "p": 22, "y": 14}[value[0]], value[1]) + field(20, {"t": 4, "g": 5, "p": 11, "y": 13}[value[0]])
    if isinstance(value, list):
        kind = 7 if not value or isinstance(value[0], int) else 6 if isinstance(value[0], float) else 8
        return head + fields({7: 8, 6: 7, 8: 9}[kind], value) + field(20, kind)
    number, kind = {int: (3, 2), float: (2, 1), str: (4, 3)}[value.__class__]
    return head + field(number, value) + field(20, kind)


def node(op, inputs, outputs, name="n", domain="", **attributes):
    return (fields(1, inputs) + fields(2, outputs) + field(3, name) + field(4, op) + (field(7, domain) if domain else b"")
            + b"".join(field(5, attribute(k.rstrip("_"), v)) for k, v in attributes.items()))


def info(name, dims, type=FLOAT):
    shape = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d)) for d in dims)
    return field(1, name) + field(2, field(1, field(1, type) + field(2, shape)))


def graph(nodes, inputs, outputs, tensors, more=b""):
    return (fields(1, nodes) + field(2, "g") + fields(5, tensors) + fields(11, inputs) + fields(12, outputs) + more)


def model(graph_bytes, opset=17, ir=8, more=b"", ml=False):
    imports = field(8, field(1, "") + field(2, opset)) + (field(8, field(1, "ai.onnx.ml") + field(2, 3)) if ml else b"")
    return field(1, ir) + imports + field(7, graph_bytes) + more
