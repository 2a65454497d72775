#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""schemas.py SOURCE_DIR: the schemas in the rows of src/runtime/ops against the schemas that Debian's python3-onnx knows, of every
operator at every opset. Skipped (77) without it."""
import glob
import re
import sys

sys.dont_write_bytecode = True
from type_letters import FIXED as FIXED_NAMES, slot_types, types_at  # noqa: E402

try:
    from onnx import defs
except ImportError:
    print("schemas: no python3-onnx: skipped")
    sys.exit(77)

S = defs.OpSchema
LETTERS = {S.AttrType.FLOAT: "f", S.AttrType.INT: "i", S.AttrType.STRING: "s", S.AttrType.TENSOR: "t",
           S.AttrType.GRAPH: "g", S.AttrType.FLOATS: "F", S.AttrType.INTS: "I", S.AttrType.STRINGS: "S",
           S.AttrType.TENSORS: "T", S.AttrType.GRAPHS: "G", S.AttrType.SPARSE_TENSOR: "p"}
FIXED = {"tensor(%s)" % name: token for token, name in FIXED_NAMES.items()}
# What later versions of the standard changed of these: the types of Erf are wider in the table, those of GridSample narrower.
CORRECTED = {("Erf", 13), ("GridSample", 16)}


def read_table(header, paths):
    """Each list of schemas stands in the row of its operator: the last name before it."""
    text = "".join(open(path).read() for path in paths)
    macros = re.findall(r'(?m)^#define ([A-Z_]+) +((?:.*\\\n)*.*":?.*)', open(header).read() + text)
    text = re.sub(r"(?m)^#define (.*\\\n)*.*\n", "", text)
    for name, value in reversed(macros):
        plain = re.sub(r"\\\n|/\*.*\*/", "", value)
        text = re.sub(r"\b%s\b" % name, lambda _: plain, text) if ":s=" in plain else text
    text = re.sub(r'"\s+"', "", text)
    rows, name = {}, None
    pattern = r'\{ "((?:[a-z.]+:)?[A-Z]\w*)",\s+(?=\d|SCHEMAS|\.)|\{ (\d+), (\w+),\s*"([^"]*>[^"]*)",\s*"([^"]*)"\s*\}'
    for operator, first, last, slots, attributes in re.findall(pattern, text):
        if operator:
            name = operator
            continue
        last = 10 ** 6 if last == "LATEST" else int(last)
        inputs, outputs = re.sub(r"\[[^]]*\]", "", slots).split(">")
        rows.setdefault(name, []).append((int(first), last, inputs.split(), outputs.split(), set(attributes.split())))
    return rows


def allowed_types(schema, slot):
    for constraint in schema.type_constraints:
        if constraint.type_param_str == slot.typeStr:
            return set(constraint.allowed_type_strs)
    return {slot.typeStr}


def faults_of_slots(schema, formal, tokens, least):
    """A slot of the standard is a token; a repeated one is as many tokens as must be there, and one with a star."""
    groups = {}
    star = bool(formal) and formal[-1].option == S.FormalParameterOption.Variadic
    single = len(formal) - star
    for i, slot in enumerate(formal):
        if i >= len(tokens):
            yield "%s is missing" % slot.name
            continue
        token = tokens[i] if i < single else tokens[-1]
        optional = slot.option == S.FormalParameterOption.Optional
        if token.startswith("?") != optional or token.startswith("*") != (i >= single):
            yield "%s is %s" % (slot.name, token)
        kind, types = token.lstrip("?*"), allowed_types(schema, slot)
        if kind not in FIXED.values():
            kind = kind[0]
        if kind.isupper() and groups.setdefault(kind, slot.typeStr) != slot.typeStr:
            yield "%s shares a type with one that it does not" % slot.name
        if kind in FIXED.values() and [FIXED.get(t) for t in types] != [kind]:
            yield "%s holds not only %s" % (slot.name, kind)
        if kind == "." and len(types) == 1 and types <= set(FIXED):
            yield "%s is of one type" % slot.name
    if star and max(least, single) != len(tokens) - 1:
        yield "at least %d slots" % least
    if not star and len(tokens) != single:
        yield "%d slots, not %d" % (single, len(tokens))


def tensor_types(types):
    return {t[7:-1] if t.startswith("tensor(") else "undefined" for t in types}


def faults_of_types(schema, row):
    """Of every opset at which this version of the operator is the standard's."""
    for slot, token in zip(schema.outputs, row[3]):
        if token.lstrip("?*") != ".k" and not any(t.startswith("tensor(") for t in allowed_types(schema, slot)):
            yield "%s is no tensor" % slot.name
    for opset in range(schema.since_version, min(row[1], UNTIL[schema.name, schema.since_version, schema.domain]) + 1):
        allowed = slot_types(row[2], opset)
        for i, slot in enumerate(schema.inputs):
            if allowed[i] != tensor_types(allowed_types(schema, slot)):
                yield "%s at opset %d: %s" % (slot.name, opset, sorted((allowed[i] or set()) ^ tensor_types(allowed_types(schema, slot))))
        for attribute in row[4]:
            name, _, letters = re.split("[:!^=]", attribute + "==")[:3]
            if name in ("to", "dtype", "output_dtype", "output_datatype") and letters:
                of_output = {re.sub(r".*\((\w+)\)+", r"\1", t) for t in allowed_types(schema, schema.outputs[0])}
                if types_at(letters, opset) - {"undefined"} != of_output:
                    yield "%s at opset %d: not the types of output 0" % (name, opset)


def plain(attribute):
    """Without what values it may have."""
    name, sign, letter = re.match(r"(\w+)([:!^])(\w)", attribute).groups()
    return name + sign.replace("^", ":") + {"b": "i", "e": "i", "n": "i", "N": "I", "O": "I", "P": "I", "Q": "I", "M": "I"}.get(letter, letter)


def faults_of(schema, row):
    """Of what an attribute may be, the standard has nothing but words."""
    attributes = {a.name + ("!" if a.required else ":") + LETTERS.get(a.type, "y") for a in schema.attributes.values()}
    ours = {plain(a) for a in row[4]}
    if attributes != ours:
        yield "attributes: %s" % sorted(attributes ^ ours)
    yield from faults_of_slots(schema, schema.inputs, row[2], schema.min_input)
    yield from faults_of_slots(schema, schema.outputs, row[3], schema.min_output)
    if (schema.name, schema.since_version) not in CORRECTED:
        yield from faults_of_types(schema, row)


rows = read_table(sys.argv[1] + "/src/onnx/graph/schema.h", sorted(glob.glob(sys.argv[1] + "/src/runtime/ops/*.c")))
versions = sorted((s.domain, s.name, s.since_version) for s in defs.get_all_schemas_with_history())
UNTIL = {v[1:] + v[:1]: n[2] - 1 if n[:2] == v[:2] else defs.onnx_opset_version() for v, n in zip(versions, versions[1:] + [("", "", 0)])}
count = faults = 0
for schema in defs.get_all_schemas_with_history():
    if schema.domain not in ("", "ai.onnx.ml") or schema.deprecated or schema.support_level == S.SupportType.EXPERIMENTAL:
        continue
    name = (schema.domain + ":" if schema.domain else "") + schema.name
    found = [r for r in rows.get(name, []) if r[0] <= schema.since_version <= r[1]]
    count += 1
    wrong = ["%d rows" % len(found)] if len(found) != 1 else list(faults_of(schema, found[0]))
    for fault in wrong:
        print("%s %d: %s" % (name, schema.since_version, fault))
    faults += bool(wrong)
print("schemas: %d of the standard's held against the table: %d passed, %d failed" % (count, count - faults, faults))
sys.exit(faults > 0 or count < 300)
