# SPDX-License-Identifier: Apache-2.0
"""The sets of element types that the schemas in the operators' rows name by letters (src/onnx/graph/schema.h)."""
import re

NAMES = ("undefined float uint8 int8 uint16 int16 int32 int64 string bool float16 double uint32 uint64 complex64 complex128 bfloat16 "
         "float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1 float8e8m0 uint2 int2").split()
SETS = {"b": "bool", "c": "complex64 complex128", "d": "uint2 int2", "e": "float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz",
        "f": "float16 float double", "g": "double", "h": "bfloat16", "i": "int32 int64", "j": "int64", "k": "undefined", "m": "int16",
        "o": "float8e8m0", "p": "float4e2m1", "q": "uint4 int4", "r": "float", "s": "string", "t": "float16", "v": "uint8 uint16",
        "w": "uint32 uint64", "x": "int32", "y": "uint8 int8", "z": "int8 int16"}
SETS["l"] = " ".join(SETS[c] for c in "fiw")
SETS["n"] = " ".join(SETS[c] for c in "lzv")
SETS["a"] = " ".join(SETS[c] for c in "nsbc")
FIXED = {"i64": "int64", "bool": "bool", "text": "string", "f32": "float", "i32": "int32", "u8": "uint8"}


def types_at(letters, opset):
    """Names of the types that the letters allow at an opset."""
    return {name for since, some in re.findall(r"(\d*)([a-z]+)", letters) if opset >= int(since or 0) for c in some for name in SETS[c].split()}


def slot_types(tokens, opset):
    """For each slot, the names of the types that it allows; None: all. A group says it where it stands for the first time."""
    groups, found = {}, []
    for token in tokens:
        kind = token.lstrip("?*")
        if kind in FIXED:
            found.append({FIXED[kind]})
            continue
        letters = groups.setdefault(kind[0], kind[1:]) if kind[0] != "." else kind[1:]
        found.append(types_at(letters, opset) if letters else None)
    return found
