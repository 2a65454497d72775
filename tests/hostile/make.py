#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make.py SOURCE_DIR DIR: writes hostile model files, and DIR/cases.tsv with a line for each: name, options, the exit
statuses that are right, words that the output must hold, and what is wrong with the file.

Messages are put together by hand: no ONNX library would write most of these. Schema faults come from the rows in
src/runtime/ops, one file for each fault of each operator."""
import glob
import os
import re
import struct
import sys

sys.dont_write_bytecode = True
from messages import *  # noqa: E402
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from type_letters import NAMES, slot_types, types_at  # noqa: E402

SOURCE, DIR = sys.argv[1], sys.argv[2]
os.makedirs(DIR, exist_ok=True)
LINES = []


PARAMETERS = [tensor(n, [4]) for n in "sbmv"]


def conv_bn(nodes=(), tensors=(), outputs=None, x=(1, 4, 8, 8), name="bn", more=b"", w=None, **options):
    """X -> Conv -> c -> BatchNormalization -> Y, and what comes after it."""
    own = [node("Conv", ["X", "W"], ["c"], "conv", pads=[1] * 4), node("BatchNormalization", ["c", "s", "b", "m", "v"], ["Y"], name)]
    g = graph(own + list(nodes), [info("X", x)], outputs or [info("Y", x)],
              [w if w is not None else tensor("W", [4, 4, 3, 3])] + PARAMETERS + list(tensors), more)
    return model(g, **options)


def case(name, data, wrong, status="3", words="", options=""):
    with open(os.path.join(DIR, name + ".onnx"), "wb") as file:
        file.write(data)
    LINES.append("\t".join([name, options, status, words, wrong]))


# ---- bytes ----

WHOLE = conv_bn()
case("whole", WHOLE, "nothing", "0", "verdict: pass")
for i in range(1, 24):
    case("cut_%02d" % i, WHOLE[:len(WHOLE) * i // 24], "cut short", "3", "cut short")
for i in range(0, 40):
    at = (i * 131 + 7) % len(WHOLE)
    case("flipped_%02d" % i, WHOLE[:at] + bytes([WHOLE[at] ^ 0xff]) + WHOLE[at + 1:], "a byte is another", "0 1 3 4")
for i, (what, data) in enumerate([
        ("text", b"hello\n"), ("nothing at all", b""), ("a zip archive", b"PK\3\4" + bytes(40)), ("a pickle", b"\x80\2" + bytes(9)),
        ("a group", b"\x0b" + WHOLE), ("field 0", b"\x00\x00"), ("a tag of 6 bytes", b"\xff" * 5 + b"\x01"),
        ("a number of 11 bytes", b"\x08" + b"\xff" * 10 + b"\x01"), ("a length beyond all", b"\x3a\xff\xff\xff\xff\x0f"),
        ("two graphs", WHOLE + field(7, graph([], [], [], []))), ("no graph", field(1, 8)), ("no IR version", WHOLE[2:]),
        ("IR version 99", field(1, 99) + WHOLE[2:]), ("IR version -1", field(1, -1) + WHOLE[2:])]):
    case("bytes_%02d" % i, data, what)
deep = b""
for _ in range(3000):
    deep = field(1, node("If", ["X"], ["o"], then_branch=("g", deep)))
    if len(deep) > 1 << 17:
        break
case("nested", model(deep), "graphs in graphs without end", "3", "nested deeper")
for number, what in ((1, "node"), (5, "initializer"), (11, "input"), (12, "output"), (13, "value_info"), (14, "annotation"), (15, "sparse tensor")):
    case("empty_%s" % what.replace(" ", "_"), conv_bn(more=field(number, b"")), "an empty %s" % what, "3", "is empty")
    case("empty_%s_16MiB" % what.replace(" ", "_"), model(graph([], [], [], []) + field(number, b"") * (1 << 23)), "8 million of them")
for number, what in ((8, "opset_import"), (20, "training_info"), (25, "function")):
    case("empty_%s" % what, WHOLE + field(number, b""), "an empty %s" % what, "3", "is empty")
case("tiny_nodes", model(graph([], [], [], []) + field(1, field(4, "A")) * (3 << 20)), "3 million nodes of 5 bytes", "3", "times its bytes")
case("many_dims", conv_bn(more=field(13, field(1, "q") + field(2, field(1, field(1, 1) + field(2, field(1, b"") * (1 << 21)))))), "a shape of 2 million dims", "0 3")
for i, name in enumerate(["a\0b", "\0"]):
    case("nul_%d" % i, conv_bn(name=name), "a NUL in a name", "3", "NUL")

# ---- graphs ----

for name, data, wrong, words in [
        ("cycle", conv_bn([node("Add", ["Y", "q"], ["p"]), node("Neg", ["p"], ["q"])]), "a cycle", "cycle"),
        ("own_output", conv_bn([node("Add", ["Y", "p"], ["p"])]), "a node reads what it writes", ""),
        ("written_twice", conv_bn([node("Relu", ["Y"], ["p"]), node("Neg", ["Y"], ["p"])]), "a value written twice", "\"p\""),
        ("input_is_written", conv_bn(more=field(11, info("c", [1, 4, 8, 8]))), "a graph input that a node writes", "an input of its graph"),
        ("initializer_is_written", conv_bn([node("Relu", ["Y"], ["s"])]), "an initializer that a node writes", "\"s\""),
        ("two_inputs", conv_bn(more=field(11, info("X", [1]))), "two inputs of one name", "\"X\""),
        ("two_initializers", conv_bn(tensors=[tensor("s", [4])]), "two initializers of one name", "\"s\""),
        ("nothing_defines", conv_bn([node("Relu", ["nowhere"], ["p"])]), "a read of nothing", "nowhere"),
        ("no_such_output", conv_bn(more=field(12, info("nowhere", [1]))), "an output of nothing", "nowhere"),
        ("no_operator", conv_bn([node("", ["Y"], ["p"])]), "a node without operator", "operator"),
        ("two_versions", WHOLE + field(8, field(1, "") + field(2, 12)), "two opsets of one domain", "two versions"),
        ("opset_0", conv_bn(opset=0), "opset 0", ""), ("opset_minus", conv_bn(opset=-5), "a negative opset", ""),
        ("function_of_itself", conv_bn([node("F", ["Y"], ["p"], domain="l")], more=b"") + field(8, field(1, "l") + field(2, 1))
         + field(25, field(1, "F") + field(4, "a") + field(5, "r") + field(7, node("F", ["a"], ["r"], domain="l"))
                 + field(9, field(1, "l") + field(2, 1)) + field(10, "l")), "a function that calls itself", "calls itself"),
        ("reference_outside", conv_bn([fields(1, ["Y"]) + fields(2, ["p"]) + field(4, "Elu") + field(5, field(1, "alpha") + field(21, "q") + field(20, 1))]),
         "an attribute that refers to a parameter outside of any function", "parameter"),
        ("attribute_twice", conv_bn([fields(1, ["Y"]) + fields(2, ["p"]) + field(4, "Elu") + field(5, attribute("alpha", 1.0)) * 2]), "an attribute twice", "twice")]:
    case("graph_" + name, data, wrong, "3", words)
for i, (types, more) in enumerate([((DOUBLE, FLOAT), b""), ((FLOAT, DOUBLE), b""), ((DOUBLE, DOUBLE), b""),
                                   ((FLOAT, FLOAT), field(12, info("a", [1, 4, 8, 8], DOUBLE)))]):
    constants = [node("Constant", [], [n], value=("t", tensor("", [4, 4, 3, 3] if n == "W" else [4]))) for n in "Wsbmv"]
    body = [node("Conv", ["a", "W"], ["c"]), node("BatchNormalization", ["c", "s", "b", "m", "v"], ["r"])]
    case("calls_%d" % i, model(graph([node("F", [x], [x + "r"], domain="l") for x in "xz"], [info(x, [1, 4, 8, 8], t) for x, t in zip("xz", types)],
                                     [field(1, "xr"), field(1, "zr")], [])) + field(8, field(1, "l") + field(2, 1))
         + field(25, field(1, "F") + field(4, "a") + field(5, "r") + fields(7, constants + body) + field(9, field(1, "") + field(2, 17))
                 + field(10, "l") + more), "calls of a function with another type than its weights have", "0", "BNF109", "explain")
case("operator_of_another_domain", conv_bn([node("com.microsoft:FusedConv", ["Y", "W"], ["p"])], outputs=[info("Y", [1, 4, 8, 8]), field(1, "p")]),
     "an operator of ai.onnx whose name is another domain and its operator: it is none that is known", "0")
case("graph_no_domain", conv_bn([node("Own", ["Y"], ["p"], domain="none.such")]), "a domain that is not imported: left as it is", "0")
case("graph_future", conv_bn(opset=1000), "an opset of the future", "4", "opset 1000")

# ---- tensors ----

TYPED = {4: ("float_data", field(4, struct.pack("<144f", *[0.5] * 144))), 5: ("int32_data", field(5, varint(1) * 144)), 6: ("string_data", fields(6, ["a"] * 144)),
         7: ("int64_data", field(7, varint(1) * 144)), 10: ("double_data", field(10, bytes(8 * 144))), 11: ("uint64_data", field(11, varint(1) * 144))}
EXTERNAL = field(13, field(1, "location") + field(2, "w.bin")) + field(14, 1)
for number, (name, data) in TYPED.items():
    case("raw_and_" + name, conv_bn(w=tensor("W", [4, 4, 3, 3], more=data)), "raw_data and %s" % name, "3", "two fields")
    case("external_and_" + name, conv_bn(w=tensor("W", [4, 4, 3, 3], raw=False, more=EXTERNAL + data)), "external and %s" % name, "3", "two fields")
    case("no_elements_and_" + name, conv_bn(tensors=[tensor("q", [0, 4], raw=False, more=data)]), "%s of no elements" % name, "3", "no elements")
    for other, (second, more) in TYPED.items():
        if other > number:
            case("%s_and_%s" % (name, second), conv_bn(w=tensor("W", [4, 4, 3, 3], raw=False, more=data + more)), "%s and %s" % (name, second), "3", "two fields")
case("raw_and_external", conv_bn(w=tensor("W", [4, 4, 3, 3], more=EXTERNAL)), "raw_data and external", "3", "two fields")
case("no_elements_and_raw", conv_bn(tensors=[tensor("q", [0], raw=b"1234")]), "raw_data of no elements", "3", "no elements")
for type, size in SIZES.items():
    case("short_%d" % type, conv_bn(tensors=[tensor("q", [3], type, bytes(3 * size - 1))]), "a byte too few of type %d" % type, "3", "\"q\"")
    case("long_%d" % type, conv_bn(tensors=[tensor("q", [3], type, bytes(3 * size + 1))]), "a byte too many of type %d" % type, "3", "\"q\"")
for name, dims, wrong in [("negative", [-1], "a negative dim"), ("product", [1 << 40, 1 << 40], "2^80 elements"), ("rank_33", [1] * 33, "33 dims"),
                          ("huge", [1 << 60], "2^62 bytes")]:
    case("dims_" + name, conv_bn(tensors=[tensor("q", dims, raw=b"1234")]), wrong, "3", "\"q\"")
for type in (0, 24, 25, 99, -1):
    case("type_%d" % type, conv_bn(tensors=[tensor("q", [1], type, b"1234")]), "an element type that is none: %d" % type, "0 3" if type in (24, 25) else "3")
for name, type, dims, wrong in [("dims", FLOAT, [5], "5 elements are declared, 4 stored"), ("rank", FLOAT, [4, 1], "a matrix is declared, a vector stored"),
                                ("type", DOUBLE, [4], "float64 is declared, float32 stored")]:
    case("default_other_" + name, conv_bn(more=field(11, info("s", dims, type))), "a graph input and its initializer: " + wrong, "3", "\"s\"")
    case("declared_other_" + name, conv_bn(more=field(13, info("s", dims, type))), "an initializer and its value_info: " + wrong, "3", "\"s\"")
case("segment", conv_bn(tensors=[tensor("q", [1], more=field(3, field(1, 0) + field(2, 1)))]), "a tensor in segments", "3", "segments")


def external(location, offset=None, length=None, more=b""):
    keys = [("location", location), ("offset", offset), ("length", length)]
    return b"".join(field(13, field(1, k) + field(2, v)) for k, v in keys if v is not None) + field(14, 1) + more


with open(os.path.join(DIR, "w.bin"), "wb") as file:
    file.write(struct.pack("<144f", *[0.5] * 144))
for name in ("linked.bin", "folder", "fifo", "hard.bin", "other.bin"):
    path = os.path.join(DIR, name)
    if os.path.lexists(path) and name != "folder":
        os.unlink(path)
os.symlink("w.bin", os.path.join(DIR, "linked.bin"))
os.makedirs(os.path.join(DIR, "folder"), exist_ok=True)
os.mkfifo(os.path.join(DIR, "fifo"))
with open(os.path.join(DIR, "other.bin"), "wb") as file:
    file.write(bytes(576))
os.link(os.path.join(DIR, "other.bin"), os.path.join(DIR, "hard.bin"))
case("external_good", conv_bn(w=tensor("W", [4, 4, 3, 3], raw=False, more=external("w.bin"))), "nothing", "0", "verdict: pass")
for name, data, wrong in [
        ("up", external("../w.bin"), "data above the folder"), ("down_up", external("folder/../w.bin"), "data by a way up"),
        ("absolute", external("/etc/hostname"), "data at an absolute path"), ("proc", external("/proc/self/mem"), "data in /proc"),
        ("empty", external(""), "data at no path"), ("dot", external("."), "data in the folder itself"), ("slash", external("w.bin/"), "a path that ends in a slash"),
        ("symlink", external("linked.bin"), "data behind a link"), ("hard_link", external("hard.bin"), "data that have two names"),
        ("folder", external("folder"), "data in a folder"), ("fifo", external("fifo"), "data in a pipe"), ("absent", external("none.bin"), "data that are not there"),
        ("nul", external("w.bin\0x"), "a NUL in the path"), ("no_location", external(None, "0"), "no location"),
        ("offset_beyond", external("w.bin", "1000", "576"), "an offset beyond the file"), ("offset_text", external("w.bin", "0x10"), "an offset that is no number"),
        ("offset_negative", external("w.bin", "-4"), "a negative offset"), ("offset_huge", external("w.bin", "9" * 30), "an offset of 10^30"),
        ("length_other", external("w.bin", "0", "572"), "another length than the dims have"), ("length_text", external("w.bin", "0", "all"), "a length that is no number"),
        ("location_twice", external("w.bin", more=field(13, field(1, "location") + field(2, "other.bin"))), "two locations"),
        ("offset_twice", external("w.bin", "0", more=field(13, field(1, "offset") + field(2, "4"))), "two offsets"),
        ("many_keys", external("w.bin", more=b"".join(field(13, field(1, "k%d" % i) + field(2, "v")) for i in range(100000))), "100,000 keys")]:
    case("external_" + name, conv_bn(w=tensor("W", [4, 4, 3, 3], raw=False, more=data)), wrong)

# ---- names ----

for i, name in enumerate(["::error title=x::y", "::stop-commands::t", "::add-mask::x", "##[error]x", "##[group]x", "##vso[task.setvariable variable=A]b", "##teamcity[x]",
                          "x ##vso[a]b", "section_start:0:x\r\x1b[0K", "\x1b[2J", "\x1b]0;t\a", "a\n::error::b", "@someone", "http://x.example", "www.x.example", "\u202eabc",
                          "\ufffe", "<script>", "a|b`c`", "&amp;]]>", "-rf", "$(id)", "%s%n", "x" * 100000, ""]):
    for options in ("", "--json", "--no-check --junit r.xml --markdown r.md --html r.html"):
        case("name_%02d_%d" % (i, len(options)), conv_bn(name=name), "a name that others obey: %r" % name[:30], "0", "", options)


def spoken(place, name):
    """conv_bn() with this name in the place."""
    put = {k: name if k == place else k for k in ("X", "W", "c", "Y", "bn")}
    nodes = [node("Conv", [put["X"], put["W"]], [put["c"]], "conv", pads=[1] * 4), node("BatchNormalization", [put["c"], "s", "b", "m", "v"], [put["Y"]], put["bn"])]
    key, location = (name if place == "external key" else "location"), name if place == "location" else "none"
    weight = tensor(put["W"], [4, 4, 3, 3], **({"raw": False, "more": field(13, field(1, key) + field(2, location)) + field(14, 1)} if place in ("external key", "location") else {}))
    more = {"dim": field(13, info("c", [name, 4, 8, name + "q"])), "doc": field(10, name), "no such output": field(12, field(1, name)),
            "tensor": field(5, tensor(name, [3], raw=b"12"))}.get(place, b"")
    own = {"operator": node(name, [put["Y"]], ["p"], domain="custom"), "domain": node("Own", [put["Y"]], ["p"], domain=name), "standard operator": node(name, [put["Y"]], ["p"]),
           "attribute": fields(1, ["Y"]) + fields(2, ["p"]) + field(4, "Elu") + field(5, attribute(name, 1.0)), "undefined": node("Relu", [name], ["p"]),
           "custom attribute": fields(1, ["Y"]) + fields(2, ["p"]) + field(4, "Own") + field(7, "custom") + field(5, attribute(name, 1.0)),
           "text": node("Conv", ["Y", "W"], ["p"], auto_pad=name), "equation": node("Einsum", ["Y"], ["p"], equation=name),
           "function": node(name, ["Y"], ["p"], domain="l"), "parameter": node("F", ["Y"], ["p"], domain="l"), "inner node": node("F", ["Y"], ["p"], domain="l")}
    function = (field(1, name if place == "function" else "F") + field(4, name if place == "parameter" else "a") + field(5, "r") + field(9, field(1, "") + field(2, 17)) + field(10, "l")
                + field(7, node("Neg", [name if place == "parameter" else "a"], ["r"], name if place == "inner node" else "n")))
    g = fields(1, nodes + ([own[place]] if place in own else [])) + field(2, name if place == "graph" else "g") + fields(5, [weight] + PARAMETERS)
    g += field(11, info(put["X"], [1, 4, 8, 8])) + field(12, info(put["Y"], [1, 4, 8, 8])) + (field(12, field(1, "p")) if place in own else b"") + more
    about = {"producer": fields(2, [name]) + fields(3, [name]) + fields(6, [name]), "metadata": field(14, field(1, name) + field(2, name)),
             "domain": field(8, field(1, name) + field(2, 1))}.get(place, b"")
    return model(g) + field(8, field(1, "custom") + field(2, 1)) + field(8, field(1, "l") + field(2, 1)) + about + field(25, function)


PLACES = ["X", "W", "c", "Y", "bn", "graph", "dim", "doc", "operator", "domain", "standard operator", "attribute", "custom attribute", "undefined", "no such output", "text",
          "equation", "function", "parameter", "inner node", "tensor", "location", "external key", "producer", "metadata"]
ORDERS = ["a\n::error::b", "##vso[a]b", "##[error]x", "\x1b[2J", "\x9b2J", "\u0085::error::z", "\u2028::error::z", "\u202eabc", "\ufeff::error::", "\r::error::b", "\x7f"]
REPORTS = ["", "--json", "--no-check --junit r.xml --markdown r.md --html r.html --sarif r.sarif --node-data r.json", "--lower mul-add -v", "explain"]
for i, place in enumerate(PLACES):
    for k, name in enumerate(ORDERS):
        options = REPORTS[(i + k) % len(REPORTS)]
        case("spoken_%s_%02d" % (place.replace(" ", "_"), k), spoken(place, name), "the %s is %r" % (place, name), "0 1 3 4", "", options)
case("name_latin1", WHOLE.replace(field(3, "conv"), varint(26) + b"\x04\xff\xfe\x80\xc0"), "a name that is no UTF-8", "0")

# ---- schemas ----

WRONG = {"f": 1, "i": 1.5, "s": 1, "t": 1, "g": 1, "F": 1, "I": 1, "S": 1, "T": 1, "G": 1, "p": 1, "y": 1, "b": 1.5, "e": 1.5, "n": 1.5, "N": 1, "O": 1, "P": 1, "Q": 1, "M": 1}
RIGHT = {"f": 1.5, "i": 1, "b": 1, "e": 1, "n": 1, "N": [1], "O": [1], "P": [1, 1], "Q": [1, 1], "M": [0], "s": "a", "F": [1.5], "I": [1], "S": ["a"], "t": ("t", tensor("t", [1])), "g": ("g", graph([], [], [], []))}


def read_schemas():
    """They stand in the rows of the operators: the name is the last one before. Those in macros have none."""
    paths = sorted(glob.glob(os.path.join(SOURCE, "src/runtime/ops/*.c")))
    header = open(os.path.join(SOURCE, "src/onnx/graph/schema.h")).read()
    text = "".join(open(path).read() for path in paths)
    macros = re.findall(r'(?m)^#define ([A-Z_]+) +((?:.*\\\n)*.*":?.*)', header + text)
    text = re.sub(r"(?m)^#define (.*\\\n)*.*\n", "", text)
    for name, value in reversed(macros):
        plain = re.sub(r"\\\n|/\*.*\*/", "", value)
        text = re.sub(r"\b%s\b" % name, lambda _: plain, text) if ":s=" in plain else text
    text = re.sub(r'"\s+"', "", text)
    pattern = r'\{ "((?:[a-z.]+:)?[A-Z]\w*)",\s+(?=\d|SCHEMAS|\.)|\{ (\d+), (\w+),\s*"([^"]*>[^"]*)",\s*"([^"]*)"\s*\}'
    name = None
    for operator, first, last, slots, attributes in re.findall(pattern, text):
        if operator:
            name = operator
            continue
        inputs, outputs = (side.split() for side in re.sub(r"\[[^]]*\]", "", slots).split(">"))
        yield name, int(first), last, inputs, outputs, [re.match(r"(\w+)([:!^])(.*)", a).groups() for a in attributes.split()]


OUTSIDE = {"n": [0, -1], "N": [[1, 0], [1, -1]], "O": [[0, -1]], "P": [[0], [0, -1], [0] * 5], "Q": [[0], [-1] * 5], "M": [[0, 0], [1], [-1, 0], list(range(64)) + [63]]}
UNDEFINED = 0


def right_value(t):
    return t[2:].split("|")[0] if t.startswith("s=") else RIGHT[t[0]]


def right_types(slots, opset):
    """UNDEFINED where no tensor is."""
    order = ["float", "int64", "int32", "int8", "uint8", "bool", "string", "undefined"]
    return [next((NAMES.index(name) for name in order if not names or name in names), FLOAT) for names in slot_types(slots, opset)]


def type_outside(names):
    """Any that a tensor here can be made of."""
    return next((NAMES.index(name) for name in ("string", "double", "bool", "int16") if name not in names), None)


def output_names(slots):
    """Those that must be there."""
    return ["p%d" % i if i else "p" for i, s in enumerate(slots) if s[0] not in "?*"] or ["p"]


def schema_case(name, first, kind, wrong, words, inputs, outputs, attributes, types):
    domain, op = name.split(":") if ":" in name else ("", name)
    tensors = [tensor("i%d" % i, [4], t, raw=False, more=fields(6, ["a"] * 4)) if t == STRING else tensor("i%d" % i, [4], t) for i, t in enumerate(types) if t != UNDEFINED]
    body = [node(op, inputs, outputs, "flawed", domain, **attributes)]
    sequences = b"".join(field(11, field(1, "i%d" % i) + field(2, field(4, field(1, field(1, field(1, FLOAT)))))) for i, t in enumerate(types) if t == UNDEFINED)
    imports = field(8, field(1, domain) + field(2, first)) if domain else b""
    case("schema_%s_%d_%s" % (name.replace(":", "."), first, kind), conv_bn(body, tensors, opset=17 if domain else first, more=sequences) + imports,
         "%s at opset %d: %s" % (name, first, wrong), "3", words)


for name, first, last, slots, results, attributes in read_schemas():
    if first < 7 and last != "LATEST" and int(last) < 7 and ":" not in name:
        continue
    first = max(first, 7) if ":" not in name else first
    plain = [s for s in slots if not s.startswith("*")]
    allowed = slot_types(plain, first)
    types = right_types(plain, first)
    inputs = ["i%d" % i for i in range(len(plain))]
    outputs = output_names(results)
    good = {a: right_value(t) for a, sign, t in attributes if sign == "!" and t[0] in RIGHT}
    if len(good) < len([a for a in attributes if a[1] == "!"]):
        continue
    if not any(s.startswith("*") for s in slots):
        schema_case(name, first, "surplus_input", "an input too many", "inputs", inputs + ["s"], outputs, good, types)
    needed = [i for i, s in enumerate(plain) if not s.startswith("?")]
    if needed:
        at = needed[-1]
        schema_case(name, first, "missing_input", "input %d is missing" % at, "missing", inputs[:at] + [""] + inputs[at + 1:], outputs, good, types)
    schema_case(name, first, "surplus_attribute", "an attribute that it does not have", "no attribute", inputs, outputs, dict(good, none_such=1), types)
    if len(outputs) > 1:
        at = len(outputs) - 1
        schema_case(name, first, "missing_output", "output %d is missing" % at, "missing", inputs, outputs[:at], good, types)
    if attributes:
        a, _, t = attributes[0]
        schema_case(name, first, "attribute_type", "attribute %s of another type" % a, "must hold", inputs, outputs, dict(good, **{a: WRONG[t[0]]}), types)
    for a, sign, t in attributes:
        if t.startswith("e="):
            outside = type_outside(types_at(t[2:], first))
            for value in [outside] * (outside is not None) + [len(NAMES), -1]:
                schema_case(name, first, "type_%d_of_%s" % (value, a), "attribute %s is element type %d" % (a, value), "which %s does not take" % name.split(":")[-1],
                            inputs, outputs, dict(good, **{a: value}), types)
        elif t.startswith("t="):
            schema_case(name, first, "type_of_" + a, "attribute %s is complex" % a, "does not take", inputs, outputs,
                        dict(good, **{a: ("t", tensor("t", [1], NAMES.index("complex64")))}), types)
        elif t in OUTSIDE:
            for i, value in enumerate(OUTSIDE[t]):
                schema_case(name, first, "value_%d_of_%s" % (i, a), "attribute %s is %s" % (a, value), 'attribute "%s" must be' % a, inputs, outputs,
                            dict(good, **{a: value}), types)
        elif t[1:2] == "=" or t == "b":
            schema_case(name, first, "value_of_" + a, "attribute %s is none of those it can be" % a, "must be", inputs, outputs, dict(good, **{a: "x" if t[0] == "s" else 3}), types)
    if any(sign == "^" for _, sign, _ in attributes):
        schema_case(name, first, "no_value", "none of its attributes says its value", "0 of its attributes", inputs, outputs, good, types)
        two = {a: RIGHT[t[0]] for a, _, t in attributes if t[0] in "tfi"}
        if len(two) > 1:
            schema_case(name, first, "two_values", "several of its attributes say its value", "of its attributes", inputs, outputs, dict(good, **two), types)
    if good:
        a = sorted(good)[0]
        schema_case(name, first, "missing_attribute", "attribute %s is missing" % a, "missing", inputs, outputs, {k: v for k, v in good.items() if k != a}, types)
    groups = [s.lstrip("?")[0] for s in plain]
    second = [i for i, g in enumerate(groups) if g.isupper() and g in groups[:i]]
    if second:
        schema_case(name, first, "mixed_types", "input %d of another type" % second[0], "hold", inputs, outputs, good,
                    types[:second[0]] + [DOUBLE] + types[second[0] + 1:])
    tensors_only = [i for i, names in enumerate(allowed) if names and "undefined" not in names]
    if tensors_only and last == "LATEST":
        i = tensors_only[0]
        schema_case(name, first, "sequence", "input %d is a sequence" % i, "input %d is no tensor" % i, inputs, outputs, good, types[:i] + [UNDEFINED] + types[i + 1:])
    for i, names in enumerate(allowed):
        outside = type_outside(names) if names else None
        if outside and not (groups[i].isupper() and groups[i] in groups[:i]):
            schema_case(name, first, "type_of_input_%d" % i, "input %d is of a type that is not allowed" % i, "input %d" % i, inputs, outputs, good,
                        types[:i] + [outside] + types[i + 1:])

# ---- what only shape inference sees: the model stays as it is ----

X4, LIST = info("X", [2, 4, 8, 8]), numbers("two", [1, 1])
CONV = dict(kernel_shape=[3, 3], pads=[1] * 4, strides=[1, 1], dilations=[1, 1])
POOL = dict(kernel_shape=[2, 2], strides=[2, 2], pads=[0] * 4)


def stays(name, flawed, wrong, tensors=(), opset=13, x=X4, first=None):
    """X -> Conv -> c -> the flawed node -> k -> BatchNormalization; or a flawed Conv and its BatchNormalization."""
    nodes = [first or node("Conv", ["X", "W"], ["c"], "conv", pads=[1] * 4)] + [flawed] * bool(flawed) + [node("BatchNormalization", ["k" if flawed else "c", "s", "b", "m", "v"], ["Y"], "bn")]
    case("stays_" + name, model(graph(nodes, [x], [info("Y", ["a", "b", "c", "d"])], [tensor("W", [4, 4, 3, 3])] + PARAMETERS + list(tensors)), opset=opset), wrong, "0", "BNF109", "--no-check")


for at, (a, value) in enumerate([("pads", []), ("strides", []), ("dilations", []), ("kernel_shape", []), ("strides", [1]), ("dilations", [1] * 3), ("pads", [1, 1]), ("kernel_shape", [3, 3, 3])]):
    stays("conv_%d" % at, None, "a Conv of a plane with %s = %s" % (a, value), first=node("Conv", ["X", "W"], ["c"], "conv", **dict(CONV, **{a: value})))
    stays("conv_transpose_%d" % at, None, "a ConvTranspose of a plane with %s = %s" % (a, value), first=node("ConvTranspose", ["X", "W"], ["c"], "conv", **dict(CONV, **{a: value})))
for a, value in [("output_padding", [1, 0]), ("output_padding", [0]), ("output_shape", [8]), ("output_shape", [8] * 3), ("output_shape", [2, 4, 8, 8]), ("output_shape", [30] * 2)]:
    stays("%s_%s" % (a, "_".join(map(str, value))), None, "a ConvTranspose of a plane with %s = %s" % (a, value), first=node("ConvTranspose", ["X", "W"], ["c"], "conv", **dict(CONV, **{a: value})))
stays("two_paddings", None, "a Conv with auto_pad and pads", first=node("Conv", ["X", "W"], ["c"], "conv", auto_pad="SAME_UPPER", pads=[1] * 4))
stays("two_paddings_of_zeros", None, "a Conv with auto_pad and pads", first=node("Conv", ["X", "W"], ["c"], "conv", auto_pad="VALID", pads=[0] * 4))
stays("other_bias", None, "a bias of 3 numbers for 4 channels", [tensor("B", [3])], first=node("Conv", ["X", "W", "B"], ["c"], "conv", pads=[1] * 4))
stays("rank_of_bias", None, "a bias of rank 2", [tensor("B", [1, 4])], first=node("Conv", ["X", "W", "B"], ["c"], "conv", pads=[1] * 4))
UNKNOWN = field(1, "X") + field(2, field(1, field(1, FLOAT)))
for a, value in [("pads", [0, 0]), ("strides", [2]), ("pads", [0] * 6)]:
    flawed = node("MaxPool", ["c"], ["k"], **dict(POOL, **{a: value}))
    stays("pool_%s_%d" % (a, len(value)), flawed, "a MaxPool with %s = %s" % (a, value))
    stays("pool_%s_%d_unknown" % (a, len(value)), flawed, "a MaxPool of who knows what with %s = %s" % (a, value), x=UNKNOWN, first=node("Neg", ["X"], ["c"]))
for name, flawed, wrong, tensors, opset in [
        ("slice_ends", node("Slice", ["c", "two", "t"], ["k"]), "a Slice of two starts and three ends", [LIST, numbers("t", [5, 5, 5])], 13),
        ("slice_matrix", node("Slice", ["c", "t", "t"], ["k"]), "starts and ends that are a matrix", [tensor("t", [1, 2], INT64)], 13),
        ("slice_twice", node("Slice", ["c"], ["k"], starts=[0, 0], ends=[4, 4], axes=[2, -2]), "a Slice of one axis twice", [], 9),
        ("gather_beyond", node("Gather", ["c", "t"], ["k"], axis=2), "an index beyond the axis", [numbers("t", [0, 8])], 13),
        ("gather_before", node("Gather", ["c", "t"], ["k"], axis=2), "an index before the axis", [numbers("t", [0, -9])], 13),
        ("gather_elements", node("GatherElements", ["c", "t"], ["k"], axis=2), "indices of another rank", [tensor("t", [1], INT64)], 13),
        ("gather_elements_dims", node("GatherElements", ["c", "t"], ["k"], axis=1), "more indices than an axis has", [tensor("t", [3, 4, 8, 8], INT64)], 13),
        ("gather_elements_beyond", node("GatherElements", ["c", "t"], ["k"], axis=2), "an index beyond the axis", [tensor("t", [1, 4, 1, 1], INT64, struct.pack("<4q", 0, 0, 0, 8))], 13),
        ("scatter_elements", node("ScatterElements", ["c", "t", "u"], ["k"]), "more updates than indices", [tensor("t", [1] * 4, INT64), tensor("u", [1, 1, 1, 2])], 13),
        ("slice_scalars", node("Slice", ["c", "t", "t"], ["k"]), "starts and ends that are no lists", [tensor("t", [], INT64)], 13),
        ("pool_pads", node("AveragePool", ["c"], ["k"], **dict(POOL, pads=[0, 0, 0, 2])), "a window of nothing but padding", [], 13),
        ("pad_reflect", node("Pad", ["c", "t"], ["k"], mode="reflect"), "more to reflect than there is", [numbers("t", [0, 0, 8, 0] + [0] * 4)], 13),
        ("pad_cropped", node("Pad", ["c", "t"], ["k"], mode="reflect"), "more to reflect than a crop leaves", [numbers("t", [0, 0, 7, 0, 0, 0, -1, 0])], 13),
        ("pad_edge", node("Pad", ["c"], ["k"], mode="edge", pads=[0, 0, -8, 0, 0, 0, 1, 0]), "no edge to repeat", [], 9),
        ("tile", node("Tile", ["c", "t"], ["k"]), "less than no copies", [numbers("t", [1, 1, -1, 1])], 13),
        ("tile_matrix", node("Tile", ["c", "t"], ["k"]), "repeats that are a matrix", [tensor("t", [1, 4], INT64)], 13),
        ("resize", node("Resize", ["c", "", "", "t"], ["k"]), "a negative size", [numbers("t", [2, 4, -8, 8])], 13),
        ("upsample", node("Upsample", ["c", "t"], ["k"]), "an Upsample by a half", [tensor("t", [4])], 9),
        ("pad_value", node("Pad", ["c", "t", "s"], ["k"]), "a value of four numbers", [numbers("t", [0] * 8)], 13),
        ("dropout", node("Dropout", ["c", "s"], ["k"]), "a ratio of four numbers", [], 13),
        ("split", node("Split", ["c"], ["k", "l"], axis=2, split=[]), "no sizes for two parts", [], 12),
        ("instance_norm", node("InstanceNormalization", ["c", "s", "t"], ["k"]), "a bias of rank 2", [tensor("t", [1, 4])], 13),
        ("reverse_sequence", node("ReverseSequence", ["c", "two"], ["k"], batch_axis=0, time_axis=0), "the batch is the time", [LIST], 13),
        ("softmax", node("Softmax", ["c"], ["k"], axis=4), "an axis beyond the last", [], 12),
        ("perm", node("Transpose", ["c"], ["k"], perm=[0, 1, 2]), "a perm of three of four axes", [], 13)]:
    stays(name, flawed, wrong, tensors, opset)


def flawed(name, op, shapes, wrong, opset=17, attributes={}, outputs=1):
    """A node beside those that could be folded. A shape may have an element type behind it."""
    shapes = [s if isinstance(s, tuple) else (s, FLOAT) for s in shapes]
    body = node(op.split(":")[-1], ["i%d" % i for i in range(len(shapes))], ["p%d" % i for i in range(outputs)], "flawed", op.split(":")[0] if ":" in op else "", **attributes)
    data = conv_bn([body], [tensor("i%d" % i, s, t) for i, (s, t) in enumerate(shapes)], [info("Y", (1, 4, 8, 8)), field(1, "p0")], opset=opset)
    case("dims_" + name, data + field(8, field(1, "com.microsoft") + field(2, 1)), wrong, "0", "BNF109", "--no-check")


LSTM = [[5, 2, 4], [1, 12, 4], [1, 12, 3], [1, 24], ([2], INT32), [1, 2, 3], [1, 2, 3], [1, 9]]
for at, other in enumerate([[5, 2, 3], [1, 9, 4], [1, 12, 4], [1, 12], ([3], INT32), [1, 2, 4], [2, 2, 3], [1, 12]]):
    flawed("lstm_%d" % at, "LSTM", LSTM[:at] + [other] + LSTM[at + 1:], "an LSTM whose input %d has other dims" % at, 11, dict(hidden_size=3))
flawed("lstm_directions", "LSTM", LSTM, "an LSTM of both directions with weights of one", 11, dict(hidden_size=3, direction="bidirectional"))
for name, op, shapes, opset, attributes in [
        ("scale_axis", "QuantizeLinear", [[2, 4], [3], ([3], 2)], 13, dict(axis=1)), ("scale_list", "DequantizeLinear", [([2, 4], 2), [4], ([4], 2)], 10, {}),
        ("zero_point", "DequantizeLinear", [([2, 4], 2), [4], ([2], 2)], 13, dict(axis=1)), ("statistics", "BatchNormalization", [[2, 4, 3], [4], [4], [4], [1, 4]], 15, {}),
        ("updates", "ScatterND", [[4, 3], ([2, 1], INT64), [2, 2]], 13, {}), ("updates_rank", "ScatterND", [[4, 3], ([2, 1], INT64), [2]], 13, {}),
        ("labels", "NegativeLogLikelihoodLoss", [[3, 5], ([4], INT64)], 13, {}), ("labels_rank", "SoftmaxCrossEntropyLoss", [[3, 5, 2], ([3], INT64)], 13, {}),
        ("square", "Det", [[2, 3, 4]], 13, {}), ("square_rank", "Det", [[3]], 13, {}), ("boxes", "RoiAlign", [[1, 4, 6, 6], [2, 5], ([2], INT64)], 16, {}),
        ("top", "TopK", [[0], ([1], INT64)], 13, {}), ("both", "Resize", [[1, 1], [0], [2], ([2], INT64)], 13, {}),
        ("bias_gelu", "com.microsoft:BiasGelu", [[2, 4], [3]], 17, {}), ("skip", "com.microsoft:SkipLayerNormalization", [[1, 3, 8], [1, 3, 8], [4]], 17, {})]:
    flawed(name, op, shapes, "a %s of inputs that do not go together" % op, opset, attributes, 2 if op == "TopK" else 1)
case("stays_declared_sequence", conv_bn(more=field(13, field(1, "c") + field(2, field(4, field(1, field(1, field(1, FLOAT))))))), "the result of a Conv is declared to be a sequence", "0", "BNF109", "--no-check")
for name, c in [("gemm_column", [3, 1]), ("gemm_rank", [1, 1, 4])]:
    case("stays_" + name, model(graph([node("Gemm", ["X", "W", "C"], ["c"], "gemm"), node("BatchNormalization", ["c", "s", "b", "m", "v"], ["Y"], "bn")], [info("X", [2, 4])], [info("Y", [2, 4])],
                                      [tensor("W", [4, 4]), tensor("C", c)] + PARAMETERS)), "a Gemm of 2 rows that adds %s" % c, "0", "BNF109", "--no-check")

# ---- values of attributes, a list of each operator's after the other ----

EXTREMES = {"i": [0, -1, -1 << 63, (1 << 63) - 1, 1 << 31], "I": [[], [0] * 2, [-1] * 4, [1 << 62] * 2, [-1 << 63] * 4], "f": [0.0, -1.0, float("inf"), float("nan")],
            "F": [[], [float("nan")] * 4], "s": ["", "x" * 1000], "S": [[], ["", ""]]}
turn = 0
for name, first, last, slots, results, attributes in read_schemas():
    domain, op = name.split(":") if ":" in name else ("", name)
    types = right_types(slots, first)
    good = {a: right_value(t) for a, sign, t in attributes if sign == "!" and t[0] in RIGHT}
    for a, _, t in attributes if last == "LATEST" else []:
        turn += 1
        if "=" in t or t not in EXTREMES:
            continue
        value, shape = EXTREMES[t][turn % len(EXTREMES[t])], [[4], [1, 4, 8, 8]][turn % 2]
        tensors = [tensor("i%d" % i, shape, t, raw=False, more=fields(6, ["a"] * (4 if len(shape) == 1 else 256))) if t == STRING
                   else tensor("i%d" % i, [1] if t == INT64 else shape, t) for i, t in enumerate(types) if t != UNDEFINED]
        body = node(op, ["Y" if i == 0 and types[0] == FLOAT and len(shape) == 4 else "i%d" % i for i in range(len(slots))], output_names(results), "flawed", domain, **dict(good, **{a: value}))
        case("value_%s_%s" % (name.replace(":", "."), a), conv_bn([body], tensors, [info("Y", [1, 4, 8, 8]), field(1, "p")], opset=17 if domain else max(first, 17))
             + (field(8, field(1, domain) + field(2, first)) if domain else b""), "%s with %s = %r" % (name, a, value if len(repr(value)) < 99 else "a long text"), "0 3 4", "", "--memory 2GiB --work 6")

# ---- bombs: more work, or memory, than anyone means to spend; first behind the BatchNormalization, then as its weight ----

BIG = numbers("big", [40000, 40000])
CUBE = numbers("cube", [1, 4, 20000, 20000])


def behind(name, nodes, tensors, wrong, status="0", words=""):
    case("bomb_" + name, conv_bn(nodes, tensors, [info("Y", [1, 4, 8, 8]), field(1, "z")]), wrong, status, words, "--memory 2GiB --work 6")


FILL = node("ConstantOfShape", ["big"], ["A"])
FILL4 = node("ConstantOfShape", ["cube"], ["A"])
SMALL = node("ConstantOfShape", ["small"], ["A"])


def sized(*dims):
    return [numbers("small", dims)]


for name, nodes, tensors, wrong in [
        ("fill", [node("ConstantOfShape", ["big"], ["z"])], [BIG], "1.6e9 zeros"),
        ("matmul", [SMALL, node("MatMul", ["A", "A"], ["z"])], sized(8000, 8000), "a product of 8000^3"),
        ("gemm", [SMALL, node("Gemm", ["A", "A"], ["z"])], sized(8000, 8000), "a product of 8000^3"),
        ("einsum", [SMALL, node("Einsum", ["A", "A"], ["z"], equation="ij,jk->ik")], sized(8000, 8000), "a product of 8000^3"),
        ("conv", [SMALL, node("ConstantOfShape", ["k"], ["K"]), node("Conv", ["A", "K"], ["z"])], sized(1, 64, 512, 512) + [numbers("k", [512, 64, 31, 31])], "a convolution of 10^12"),
        ("conv_transpose", [SMALL, node("ConstantOfShape", ["k"], ["K"]), node("ConvTranspose", ["A", "K"], ["z"])], sized(1, 64, 256, 256) + [numbers("k", [64, 256, 31, 31])], "a convolution of 10^12"),
        ("pads", [node("Conv", ["Y", "W"], ["z"], pads=[100000] * 4)], [], "pads of 100,000"),
        ("pool", [SMALL, node("MaxPool", ["A"], ["z"], kernel_shape=[2001, 2001], pads=[1000] * 4)], sized(1, 4, 2001, 2001), "windows of 2001^2"),
        ("average", [SMALL, node("AveragePool", ["A"], ["z"], kernel_shape=[2001, 2001], pads=[1000] * 4)], sized(1, 4, 2001, 2001), "windows of 2001^2"),
        ("lp_pool", [SMALL, node("LpPool", ["A"], ["z"], kernel_shape=[2001, 2001], pads=[1000] * 4)], sized(1, 4, 2001, 2001), "windows of 2001^2"),
        ("lrn", [SMALL, node("LRN", ["A"], ["z"], size=20001)], sized(1, 20001, 100, 100), "windows of 20001 channels"),
        ("tile", [node("Tile", ["Y", "t"], ["z"])], [numbers("t", [1000, 1000, 100, 100])], "10^10 copies"),
        ("expand", [node("Expand", ["Y", "t"], ["z"])], [numbers("t", [100000000, 4, 8, 8])], "10^8 copies"),
        ("pad", [node("Pad", ["Y", "t"], ["z"])], [numbers("t", [100000] * 8)], "pads of 100,000 on all sides"),
        ("resize", [node("Resize", ["Y", "", "t"], ["z"], mode="cubic")], [tensor("t", [4], raw=struct.pack("<4f", 1, 1, 1e5, 1e5))], "an image 10^5 times as large"),
        ("upsample", [node("Resize", ["Y", "", "", "t"], ["z"], mode="linear")], [numbers("t", [1, 4, 200000, 200000])], "an image of 200,000^2"),
        ("range", [node("Range", ["r0", "r1", "r2"], ["z"])], [tensor("r%d" % i, [], INT64, struct.pack("<q", v)) for i, v in enumerate((0, 1 << 40, 1))], "2^40 numbers"),
        ("one_hot", [node("OneHot", ["q", "d", "o"], ["z"])], [numbers("q", [1] * 1000), tensor("d", [], INT64, struct.pack("<q", 1 << 32)), tensor("o", [2])], "a depth of 2^32"),
        ("eye", [SMALL, node("EyeLike", ["A"], ["z"])], sized(60000, 60000), "a matrix of 60000^2"),
        ("dft", [SMALL, node("DFT", ["A"], ["z"], axis=1)], sized(1000, 100003, 1), "transforms of a prime length"),
        ("stft", [SMALL, node("STFT", ["A", "step", "", "len"], ["z"])], sized(1, 1000000, 1) + [tensor("step", [], INT64, struct.pack("<q", 1)), tensor("len", [], INT64, struct.pack("<q", 4096))], "a transform at every sample"),
        ("det", [SMALL, node("Det", ["A"], ["z"])], sized(6000, 6000), "a determinant of 6000"),
        ("top_k", [SMALL, node("TopK", ["A", "kk"], ["z", "zi"])], sized(4000, 40000) + [numbers("kk", [40000])], "1.6e8 numbers sorted"),
        ("unique", [SMALL, node("Unique", ["A"], ["z"])], sized(100000000), "10^8 numbers sorted"),
        ("cumsum", [FILL, node("CumSum", ["A", "ax"], ["z"])], [BIG, tensor("ax", [], INT64, bytes(8))], "1.6e9 sums"),
        ("softmax", [FILL, node("Softmax", ["A"], ["z"])], [BIG], "1.6e9 exponentials"),
        ("reduce", [FILL, node("ReduceSum", ["A"], ["z"])], [BIG], "a sum over 1.6e9"),
        ("transpose", [FILL, node("Transpose", ["A"], ["z"])], [BIG], "a transposition of 1.6e9"),
        ("nonzero", [FILL4, node("NonZero", ["A"], ["z"])], [CUBE], "1.6e9 places"),
        ("gather", [node("ConstantOfShape", ["big"], ["A"], value=("t", tensor("t", [1], INT64))), node("Gather", ["Y", "A"], ["z"])], [BIG], "1.6e9 indices"),
        ("outer", [node("ConstantOfShape", ["l"], ["A"]), node("ConstantOfShape", ["r"], ["B"]), node("Add", ["A", "B"], ["z"])], [numbers("l", [200000, 1]), numbers("r", [1, 200000])], "a sum of 200,000^2"),
        ("lstm", [SMALL, node("ConstantOfShape", ["w"], ["Wl"]), node("ConstantOfShape", ["r"], ["R"]), node("LSTM", ["A", "Wl", "R"], ["z"], hidden_size=2000)],
         sized(10000, 4, 100) + [numbers("w", [1, 8000, 100]), numbers("r", [1, 8000, 2000])], "10,000 steps of 2000 units"),
        ("gru", [SMALL, node("ConstantOfShape", ["w"], ["Wl"]), node("ConstantOfShape", ["r"], ["R"]), node("GRU", ["A", "Wl", "R"], ["z"], hidden_size=2000)],
         sized(10000, 4, 100) + [numbers("w", [1, 6000, 100]), numbers("r", [1, 6000, 2000])], "10,000 steps of 2000 units"),
        ("nms", [node("ConstantOfShape", ["l"], ["B"]), node("ConstantOfShape", ["r"], ["S"]), node("NonMaxSuppression", ["B", "S", "most"], ["z"])],
         [numbers("l", [1, 100000, 4]), numbers("r", [1, 10, 100000]), numbers("most", [100000])], "10^11 pairs of boxes"),
        ("roi", [SMALL, node("ConstantOfShape", ["l"], ["B"]), node("ConstantOfShape", ["r"], ["I"], value=("t", tensor("t", [1], INT64, bytes(8)))),
                 node("RoiAlign", ["A", "B", "I"], ["z"], output_height=100, output_width=100, sampling_ratio=100)], sized(1, 64, 64, 64) + [numbers("l", [1000, 4]), numbers("r", [1000])], "10^12 samples"),
        ("grid", [SMALL, node("ConstantOfShape", ["l"], ["G"]), node("GridSample", ["A", "G"], ["z"], mode="bicubic")], sized(1, 64, 8, 8) + [numbers("l", [1, 3000, 3000, 2])], "6e8 cubic samples"),
        ("concat", [node("Concat", ["Y" if i == 0 else "z%d" % i, "Y" if i == 0 else "z%d" % i], ["z" if i == 49 else "z%d" % (i + 1)], axis=0) for i in range(50)], [], "doubled 50 times"),
        ("products", [SMALL] + [node("MatMul", ["A" if i == 0 else "p%d" % i, "A"], ["z" if i == 199 else "p%d" % (i + 1)]) for i in range(200)], sized(1500, 1500), "200 products of 1500^3"),
        ("integer", [node("ConstantOfShape", ["big8"], ["A"], value=("t", tensor("t", [1], 2))), node("MatMulInteger", ["A", "A"], ["z"])], [numbers("big8", [8000, 8000])], "a product of 8000^3 of whole numbers"),
        ("sequence", [node("SequenceEmpty", [], ["e"]), node("SequenceInsert", ["e", "Y"], ["q0"])] + [node("SequenceInsert", ["q%d" % i, "Y"], ["q%d" % (i + 1)]) for i in range(3000)]
         + [node("ConcatFromSequence", ["q3000"], ["z"], axis=0)], [], "a sequence that grows 3000 times"),
        ("text", [node("StringConcat", ["t%d" % i, "t%d" % i], ["z" if i == 39 else "t%d" % (i + 1)]) for i in range(40)], [tensor("t0", [1], STRING, raw=False, more=field(6, "a" * 1000))], "a text doubled 40 times"),
        ("letters", [SMALL, node("Einsum", ["A", "A"], ["z"], equation="abcdefghijklm,nopqrstuvwxyz->abcdefghijklmnopqrstuvwxyz")], sized(*[2] * 13), "26 letters"),
        ("unpool", [node("MaxUnpool", ["Y", "i", "o"], ["z"], kernel_shape=[2, 2], strides=[1 << 20, 1 << 20])], [tensor("i", [1, 4, 8, 8], INT64), numbers("o", [1, 4, 1 << 20, 1 << 20])], "places 2^20 apart"),
        ("multinomial", [SMALL, node("Multinomial", ["A"], ["z"], sample_size=(1 << 31) - 1)], sized(1000, 10), "2^31 draws"),
        ("random", [node("RandomNormal", [], ["z"], shape=[1 << 20, 1 << 20])], [], "2^40 random numbers"),
        ("window", [node("HannWindow", ["n"], ["z"])], [tensor("n", [], INT64, struct.pack("<q", 1 << 40))], "a window of 2^40"),
        ("pieces", [SMALL, node("SplitToSequence", ["A"], ["z"], axis=0, keepdims=0)], sized(100000000), "10^8 pieces"),
        ("cast", [SMALL, node("Cast", ["A"], ["z"], to=STRING)], sized(200000000), "2e8 numbers as text")]:
    behind(name, nodes, tensors, wrong, "0 4")

# ---- much out of little: the work of 2^30 elements, or of as many bytes of text, is refused before there is one of them ----

LINE, SIDE = 1 << 30, 1 << 15
ONE_TEXT = tensor("text", [1], STRING, raw=False, more=field(6, "a" * (1 << 20)))


def whole(name, value):
    return tensor(name, [], INT64, struct.pack("<q", value))


def zeros(name, *dims):
    """A computed tensor, of which the file holds nothing."""
    return node("ConstantOfShape", [name + "_dims"], [name]), numbers(name + "_dims", dims)


def much(name, nodes, tensors, opset=17):
    """The last node writes z."""
    made = [zeros(n, *t) if isinstance(t, list) else (None, t) for n, t in tensors.items()]
    case("much_" + name, conv_bn([n for n, _ in made if n] + nodes, [t for _, t in made], [info("Y", [1, 4, 8, 8]), field(1, "z")], opset=opset),
         "2^30 elements out of few: " + name, "0", "too much work", "--memory 8GiB --work 6")


def of(op, *inputs, outputs=("z",), **attributes):
    return [node(op, list(inputs), list(outputs), **attributes)]


COUNT, PLANE, PIXEL, COLUMN, ROW = {"n": whole("n", LINE)}, {"n": numbers("n", [1, 1, SIDE, SIDE])}, {"p": [1, 1, 2, 2]}, {"C": [SIDE, 1]}, {"R": [1, SIDE]}
for window in ("Hann", "Hamming", "Blackman"):
    much(window.lower(), of(window + "Window", "n"), COUNT)
much("mel", of("MelWeightMatrix", "bands", "length", "rate", "low", "high"), {n: whole(n, v) for n, v in [("bands", SIDE), ("length", 2 * SIDE), ("rate", 16000)]}
     | {n: tensor(n, [], raw=struct.pack("<f", v)) for n, v in [("low", 0), ("high", 8000)]})
for kind, pack in ((INT64, "<q"), (FLOAT, "<f"), (DOUBLE, "<d")):
    much("range_%d" % kind, of("Range", "o", "n", "d"), {n: tensor(n, [], kind, struct.pack(pack, v)) for n, v in [("o", 0), ("n", LINE), ("d", 1)]})
much("fill", of("ConstantOfShape", "n"), {"n": numbers("n", [LINE])})
much("expand", of("Expand", "q", "n"), {"q": [1], "n": numbers("n", [LINE])})
much("expand_text", of("Expand", "text", "n"), {"text": ONE_TEXT, "n": numbers("n", [LINE])})
much("tile", of("Tile", "q", "n"), {"q": [1], "n": numbers("n", [LINE])})
much("one_hot", of("OneHot", "i", "n", "V"), {"i": numbers("i", [1]), "n": whole("n", LINE), "V": [2]})
for mode in ("constant", "edge", "wrap"):
    much("pad_" + mode, of("Pad", "q", "n", mode=mode), {"q": [2], "n": numbers("n", [LINE, 0])}, 19)
for mode in ("nearest", "linear", "cubic"):
    much("resize_" + mode, of("Resize", "p", "", "", "n", mode=mode), PIXEL | PLANE)
    much("resize_line_" + mode, of("Resize", "q", "", "", "n", mode=mode), {"q": [1, 1, 2], "n": numbers("n", [1, 1, LINE])})
much("upsample", of("Upsample", "p", "S"), PIXEL | {"S": tensor("S", [4], raw=struct.pack("<4f", 1, 1, SIDE, SIDE))}, 9)
for random in ("RandomUniform", "RandomNormal"):
    much(random.lower(), of(random, shape=[LINE]), {})
much("multinomial", of("Multinomial", "l", sample_size=LINE), {"l": [1, 4]})
for op in "Add Sub Mul Div Pow PRelu Mod Max Min Sum Mean Greater Less Equal Where And Or BitShift BitwiseAnd".split():
    kind = BOOL if op in ("And", "Or") else 13 if op in ("BitShift", "BitwiseAnd") else FLOAT
    sides = COLUMN | ROW | {"h": [1, 1]}
    cast = [node("Cast", [n], [n + "k"], to=kind) for n in "CR"] + [node("Cast", ["h"], ["hk"], to=BOOL)]
    more = {"direction": "LEFT"} if op == "BitShift" else {"fmod": 1} if op == "Mod" else {}
    much("outer_" + op.lower(), cast + of(op, *(["hk"] if op == "Where" else []), "Ck", "Rk", **more), sides, 18)
much("matmul", of("MatMul", "C", "R"), COLUMN | ROW)
much("gemm", of("Gemm", "C", "R"), COLUMN | ROW)
much("einsum", of("Einsum", "C", "R", equation="ab,bc->ac"), COLUMN | ROW)
much("einsum_outer", of("Einsum", "C", "R", equation="ab,cd->abcd"), COLUMN | ROW)
much("gather", [node("Cast", ["C"], ["i"], to=INT64)] + of("Gather", "R", "i"), COLUMN | ROW)
much("gather_nd", [node("Cast", ["C"], ["i"], to=INT64)] + of("GatherND", "R", "i"), COLUMN | ROW)
much("concat", of("Concat", *["q"] * 1024, axis=0), {"q": [1 << 20]})
much("sequence", of("SequenceConstruct", *["q"] * 1024, outputs=["S"]) + of("ConcatFromSequence", "S", axis=0), {"q": [1 << 20]})
much("sequence_new_axis", of("SequenceConstruct", *["q"] * 1024, outputs=["S"]) + of("ConcatFromSequence", "S", axis=0, new_axis=1), {"q": [1 << 20]})
much("conv", of("Conv", "p", "k", pads=[SIDE // 2] * 4), PIXEL | {"k": [1, 1, 1, 1]})
much("conv_transpose", of("ConvTranspose", "p", "k", strides=[SIDE] * 2), PIXEL | {"k": [1, 1, 1, 1]})
for pool in ("MaxPool", "AveragePool", "LpPool"):
    much(pool.lower(), of(pool, "p", kernel_shape=[SIDE] * 2, pads=[SIDE - 1] * 4), PIXEL)
much("unpool", [node("Cast", ["p"], ["i"], to=INT64)] + of("MaxUnpool", "p", "i", "n", kernel_shape=[2, 2]), PIXEL | PLANE)
much("col2im", of("Col2Im", "q", "n", "k", strides=[SIDE - 1] * 2), {"q": [1, 1, 4], "n": numbers("n", [SIDE, SIDE]), "k": numbers("k", [1, 1])}, 18)
much("affine_grid", of("AffineGrid", "t", "n"), PLANE | {"t": [1, 2, 3]}, 20)
much("grid_sample", of("Expand", "g", "d", outputs=["e"]) + of("GridSample", "p", "e"), PIXEL | {"g": [1, 1, 1, 2], "d": numbers("d", [1, SIDE, SIDE, 2])})
much("roi_align", [node("Cast", ["B"], ["i"], to=INT64)] + of("RoiAlign", "p", "rois", "i", output_height=SIDE, output_width=SIDE), PIXEL | {"rois": [1, 4], "B": [1]})
much("center_crop_pad", of("CenterCropPad", "q", "n"), {"q": [1], "n": numbers("n", [LINE])}, 18)
much("dft", of("DFT", "q", "n", axis=1), {"q": [1, 2, 1]} | COUNT)
much("stft", of("STFT", "q", "d", "", "n"), {"q": [1, 2 * SIDE, 1], "d": whole("d", 1), "n": whole("n", SIDE)})
much("ngrams", of("TfIdfVectorizer", "i", mode="TF", min_gram_length=1, max_gram_length=1, max_skip_count=0, ngram_counts=[0], ngram_indexes=[LINE - 1], pool_int64s=[1]), {"i": numbers("i", [1])})
much("string_concat", of("Expand", "text", "n", outputs=["B"]) + of("StringConcat", "B", "text"), {"text": ONE_TEXT, "n": numbers("n", [1 << 10])}, 20)
much("string_read", of("Expand", "text", "n", outputs=["B"]) + of("Identity", "B"), {"text": ONE_TEXT, "n": numbers("n", [1 << 25])})
much("stopwords", of("StringNormalizer", "t", stopwords=["a%d" % i for i in range(1 << 16)]), {"t": tensor("t", [1 << 16], STRING, raw=False, more=fields(6, ["b%d" % i for i in range(1 << 16)]))})
much("loop", [node("Loop", ["n", "yes", "q"], ["last", "z"], body=("g", graph([node("Identity", ["k_in"], ["k"]), node("Identity", ["a_in"], ["a"]), node("Expand", ["a_in", "d"], ["e"])],
     [info("i", [], INT64), info("k_in", [], BOOL), info("a_in", [1])], [info("k", [], BOOL), info("a", [1]), info("e", [1 << 20])], [])))],
     {"n": whole("n", 1 << 10), "yes": tensor("yes", [], BOOL, b"\1"), "q": [1], "d": numbers("d", [1 << 20])})

body = graph([node("Identity", ["cond_in"], ["cond"]), node("Add", ["a_in", "a_in"], ["a"])], [info("i", [], INT64), info("cond_in", [], BOOL), info("a_in", [1, 4, 8, 8])],
             [info("cond", [], BOOL), info("a", [1, 4, 8, 8])], [])
TRUE = tensor("yes", [], BOOL, b"\1")
behind("loop", [node("Loop", ["", "yes", "Y"], ["z"], body=("g", body))], [TRUE], "a loop without end", "0 4")
behind("loop_trip", [node("Loop", ["trip", "yes", "Y"], ["z"], body=("g", body))], [TRUE, tensor("trip", [], INT64, struct.pack("<q", 1 << 62))], "2^62 rounds", "0 4")


def nested(depth):
    inner = [node("Loop", ["hundred", "yes", "a_in"], ["a"], body=("g", nested(depth - 1)))] if depth else [node("Add", ["a_in", "a_in"], ["a"])]
    return graph([node("Identity", ["cond_in"], ["cond"])] + inner, [info("i", [], INT64), info("cond_in", [], BOOL), info("a_in", [1, 4, 8, 8])], [info("cond", [], BOOL), info("a", [1, 4, 8, 8])], [])


behind("loops", [node("Loop", ["hundred", "yes", "Y"], ["z"], body=("g", nested(6)))], [TRUE, tensor("hundred", [], INT64, struct.pack("<q", 100))], "loops in loops, 10^14 rounds", "0 4")
step = graph([node("Add", ["s_in", "x_in"], ["s_out"]), node("Identity", ["s_out"], ["y_out"])], [info("s_in", [4]), info("x_in", [4])], [info("s_out", [4]), info("y_out", [4])], [])
behind("scan", [SMALL, node("Scan", ["s", "A"], ["f", "z"], body=("g", step), num_scan_inputs=1)], sized(3000000, 4), "3 million steps", "0 4")
for i, (pattern, text) in enumerate([("(a*)*b", "a" * 5000), ("(a|aa)+b", "a" * 60), ("((a*)*)*b", "a" * 3000), ("(((a{100}){100}){100}){100}", "a"), ("(" * 20000 + "a" + ")" * 20000, "a"), ("(.*)" * 7 + "b", "a" * 2000)]):
    case("bomb_pattern_%d" % i, conv_bn([node("RegexFullMatch", ["t"], ["z"], pattern=pattern)], [tensor("t", [1], STRING, raw=False, more=field(6, text))], [info("Y", [1, 4, 8, 8]), field(1, "z")], opset=20),
         "a pattern with too many ways: %s" % pattern[:20], "0 4", "", "--memory 2GiB --work 6")
for name, true, false in [("itself", [0, 0], [0, 0]), ("nowhere", [7, 0], [1 << 62, 0])]:
    tree = node("TreeEnsembleRegressor", ["F"], ["z"], domain="ai.onnx.ml", nodes_treeids=[0, 0], nodes_nodeids=[0, 1], nodes_featureids=[0, 0], nodes_values=[0.5, 0.5], nodes_modes=["BRANCH_LEQ", "LEAF"],
                nodes_truenodeids=true, nodes_falsenodeids=false, target_ids=[0], target_nodeids=[1], target_treeids=[0], target_weights=[1.0], n_targets=1)
    case("tree_" + name, conv_bn([node("Reshape", ["Y", "flat"], ["F"]), tree], [numbers("flat", [4, 64])], [info("Y", [1, 4, 8, 8]), field(1, "z")], ml=True), "a tree whose root leads to " + name, "0 4")
for name, data in [("png", b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)), ("pnm", b"P6\n100000 100000\n255\n"),
                   ("bmp", b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0))]:
    case("bomb_image_" + name, conv_bn([node("ImageDecoder", ["im"], ["z"])], [tensor("im", [len(data)], 2, data)], [info("Y", [1, 4, 8, 8]), field(1, "z")], opset=20), "an image that claims 3.6e9 pixels or more", "0 4", "", "--memory 2GiB --work 6")
case("unused_functions", WHOLE + b"".join(field(25, field(1, "F%d" % i) + field(10, "d")) for i in range(500000)), "500,000 functions that nobody calls", "0", "verdict: pass")
functions = b""
for i in range(20):
    call = "F%d" % (i + 1) if i < 19 else "Neg"
    inner = [node(call, ["a"], ["t%d" % k], domain="l" if i < 19 else "") for k in range(9)] + [node(call, ["t8"], ["r"], domain="l" if i < 19 else "")]
    functions += field(25, field(1, "F%d" % i) + field(4, "a") + field(5, "r") + fields(7, inner) + field(9, field(1, "l") + field(2, 1)) + field(9, field(1, "") + field(2, 17)) + field(10, "l"))
case("bomb_functions", conv_bn([node("F0", ["Y"], ["z"], domain="l")], outputs=[field(1, "z")]) + field(8, field(1, "l") + field(2, 1)) + functions, "10^20 nodes in functions", "0 3 4", "", "--memory 2GiB --work 6")
case("bomb_input", conv_bn(x=(1, 4, 30000, 30000)), "an input of 30,000^2", "0", "sites only", "--memory 2GiB --work 6")
case("bomb_batch", conv_bn(x=(100000000, 4, 8, 8)), "an input of 10^8 images", "0", "verdict: pass", "--memory 2GiB --work 6")
for name, nodes, tensors, wrong in [
        ("products", [node("ConstantOfShape", ["big"], ["A0"])] + [node("MatMul", ["A%d" % i, "A0"], ["A%d" % (i + 1)]) for i in range(40)] + [node("Slice", ["A40", "st", "en"], ["w0"]), node("Reshape", ["w0", "ws"], ["W2"])],
         [numbers("big", [4000, 4000]), numbers("st", [0, 0]), numbers("en", [4, 36]), numbers("ws", [4, 4, 3, 3])], "a weight of 40 products of 4000^3"),
        ("fill", [node("ConstantOfShape", ["big"], ["A"]), node("Slice", ["A", "st", "en"], ["w0"]), node("Reshape", ["w0", "ws"], ["W2"])],
         [BIG, numbers("st", [0, 0]), numbers("en", [4, 36]), numbers("ws", [4, 4, 3, 3])], "a weight out of 1.6e9 zeros")]:
    g = graph(nodes + [node("Conv", ["X", "W2"], ["c"], "conv", pads=[1] * 4), node("BatchNormalization", ["c", "s", "b", "m", "v"], ["Y"], "bn")], [info("X", [1, 4, 8, 8])], [info("Y", [1, 4, 8, 8])], PARAMETERS + tensors)
    for command in ("", "explain"):
        case("bomb_weight_%s%s" % (name, command), model(g), wrong, "0", "BNF", command + " --memory 2GiB")
chain = [node("BatchNormalization", ["X" if i == 0 else "y%d" % i, "s", "b", "m", "v"], ["y%d" % (i + 1)], "") for i in range(60000)]
case("bomb_chain", model(graph(chain, [info("X", [1, 4, 8, 8])], [info("y60000", [1, 4, 8, 8])], PARAMETERS)), "60,000 BatchNormalizations in a row", "0", "can go", "explain --memory 2GiB")

# Many of everything: what a decision looks at, or holds, must not grow with their square.
ONE = [tensor(n, [1]) for n in "sbmv"] + [tensor("W", [1, 1, 1, 1])]
BN = ["s", "b", "m", "v"]


def many(name, nodes, outputs, wrong, tensors=ONE, words="", x=(1, 1, 2, 2)):
    g = graph(nodes, [info("X", x)], outputs, tensors)
    for command in ("", "explain"):
        case("bomb_%s%s" % (name, command), model(g), wrong, "0", words, command + " --memory 2GiB")


many("readers", [node("Conv", ["X", "W"], ["c"])] + [node("BatchNormalization", ["c"] + BN, ["y%d" % i], "") for i in range(30000)],
     [info("y%d" % i, [1, 1, 2, 2]) for i in range(30000)], "30,000 BatchNormalizations read one Conv")
many("shared_weight", [n for i in range(10000) for n in [node("Conv", ["X", "W"], ["c%d" % i], ""), node("BatchNormalization", ["c%d" % i] + BN, ["y%d" % i], "")]],
     [info("y%d" % i, [1, 1, 2, 2]) for i in range(10000)], "10,000 Convs share a weight")
many("concat", [node("Conv", ["X", "W"], ["c"]), node("Concat", ["c"] * 100000, ["k"], "cat", axis=1), node("BatchNormalization", ["k"] + BN, ["Y"], "bn")],
     [info("Y", [1, 100000, 2, 2])], "a Concat of 100,000 inputs, all the same", [tensor(n, [100000]) for n in "sbmv"] + [tensor("W", [1, 1, 1, 1])])
many("branches", [node("Conv", ["X", "W"], ["c%d" % i], "") for i in range(50000)]
     + [node("Concat", ["c%d" % i for i in range(50000)], ["k"], "cat", axis=1), node("BatchNormalization", ["k"] + BN, ["Y"], "bn")],
     [info("Y", [1, 50000, 2, 2])], "a Concat of 50,000 Convs", [tensor(n, [50000]) for n in "sbmv"] + [tensor("W", [1, 1, 1, 1])])
many("sums", [node("Conv", ["X", "W"], ["c0"])] + [node("Add", ["c%d" % i, "X"], ["c%d" % (i + 1)], "") for i in range(50000)]
     + [node("BatchNormalization", ["c50000"] + BN, ["Y"], "bn")], [info("Y", [1, 1, 2, 2])], "50,000 Adds upstream of a BatchNormalization")
many("movers", [node("Conv", ["X", "W"], ["c0"])] + [node("Identity", ["c%d" % i], ["c%d" % (i + 1)], "") for i in range(50000)]
     + [node("BatchNormalization", ["c50000"] + BN, ["Y"], "bn")], [info("Y", [1, 1, 2, 2])], "50,000 Identities upstream of a BatchNormalization")
many("plain", [node("Relu", ["X" if i == 0 else "c%d" % i], ["c%d" % (i + 1)], "") for i in range(400000)], [info("c400000", [1, 1, 2, 2])],
     "400,000 small nodes in 11 MiB")
chain = [node("Identity", ["X" if i == 0 else "c%d" % i], ["c%d" % (i + 1)], "") for i in range(30000)]
readers = [node("LeakyRelu", ["c30000"], ["y%d" % i], "", alpha=1 / (i + 2)) for i in range(30000)]
case("bomb_shared_chain", model(graph(chain + readers + [node("Sum", ["y%d" % i for i in range(30000)], ["Y"])], [info("X", [1, 1, 2, 2])], [info("Y", [1, 1, 2, 2])], ONE)),
     "30,000 changed places, each behind the same 30,000 nodes", "0", "verdict: pass", "--simplify --memory 2GiB --work 6")
for name, data, words in [
        ("nodes", model(b"\x0a\x00" * 1000000 + graph([], [], [], [])), "is empty"),
        ("infos", model(b"\x6a\x00" * 8000000 + graph([], [], [], [])), "is empty"),
        ("texts", model(graph([field(4, "Relu") + b"\x0a\x00" * 8000000], [], [], [])), "structure"),
        ("metadata", model(graph([], [], [], [])) + b"\x72\x00" * 8000000, "structure"),
        ("dims", model(graph([], [], [], [field(1, 1) * 8000000 + field(2, 1) + field(8, "q")])), "dims")]:
    case("bomb_of_" + name, data, "two-byte fields, up to 16 MiB of them", "3", words, "--memory 2GiB")

with open(os.path.join(DIR, "cases.tsv"), "w") as file:
    file.write("".join(line + "\n" for line in LINES))
print("%d hostile files in %s" % (len(LINES), DIR))
