# SPDX-License-Identifier: Apache-2.0
"""Messages of ONNX as bytes, so that a benchmark needs no library for its models."""
import struct


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, content):
    """A field of protobuf: an int, a float, or text, bytes or a message by its length."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    if isinstance(content, float):
        return varint(number << 3 | 5) + struct.pack("<f", content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def attribute(name, value):
    if isinstance(value, float):
        return field(1, name) + field(2, value) + field(20, 1)
    if isinstance(value, int):
        return field(1, name) + field(3, value) + field(20, 2)
    if isinstance(value, bytes):  # a tensor
        return field(1, name) + field(5, value) + field(20, 4)
    return field(1, name) + b"".join(field(8, each) for each in value) + field(20, 7)


def node(op, name, inputs, output, **attributes):
    return (b"".join(field(1, each) for each in inputs) + field(2, output) + field(3, name) + field(4, op)
            + b"".join(field(5, attribute(key, value)) for key, value in attributes.items()))


def tensor(name, dims):
    """Of float, but for its data."""
    return b"".join(field(1, size) for size in dims) + field(2, 1) + field(8, name)


def value_info(name, dims):
    shape = b"".join(field(1, field(1, size)) for size in dims)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def model(graph_size):
    """What stands before the fields of a graph of so many bytes."""
    return field(1, 8) + field(8, field(1, "") + field(2, 13)) + varint(7 << 3 | 2) + varint(graph_size)
