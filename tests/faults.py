#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""faults.py PROGRAM LIBRARY MODELS [STEP [FIRST]]: runs every command of the list below while an allocation fails, the first,
the second and so on (every STEP-th from FIRST on): once, and then once more with all after it failing too. LIBRARY is
tests/preload/alloc.c.

Right is: the command ends as it does without a failure (some allocations can be done without), or with status 70 and one
line on standard error (of many models: one each, and one for all); and where it ends with 70 the output is as it was. A table goes to standard output."""
import os
import struct
import subprocess
import sys
import tempfile
import zipfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "hostile"))
from messages import *  # noqa: E402

PROGRAM, LIBRARY, MODELS = (os.path.abspath(path) for path in sys.argv[1:4])
STEP = int(sys.argv[4]) if len(sys.argv) > 4 else 1
FIRST = int(sys.argv[5]) if len(sys.argv) > 5 else 1

MANY = 3  # models of a command that takes more than one or two

# What is run.
COMMANDS = """
fuse            m.onnx -o out.onnx
fuse, data      e.onnx -o out.onnx --external-data=out.data
fuse, lowered   stays.onnx -o out.onnx --lower mul-add
fuse, options   m.onnx --skip bn --disable affine --enable floor --fold-limit 1M --print-after fold
fuse, inputs    m.onnx -o out.onnx --input x.npz
fuse, sizes     open.onnx -o out.onnx --dim N=2 --shape x:2x3x8x8
fuse, sparse    sparse.onnx -o out.onnx
fuse, functions calls.onnx -o out.onnx
fuse, bodies    if.onnx -o out.onnx
fuse, int8      quantized.onnx -o out.onnx
fuse, to stdout m.onnx -o - --quiet
fuse, JSON      m.onnx -o out.onnx --json
fuse, reports   m.onnx -o out.onnx --junit r.xml --markdown r.md --html r.html --sarif r.sarif --node-data r.json
fuse, policy    stays.onnx -o out.onnx --strict --html r.html
refused         broken.onnx -o out.onnx
refused, JSON   broken.onnx -o out.onnx --json --junit r.xml
refused options m.onnx -o out.onnx --require x --json
unknown option  --nothing m.onnx
many            m.onnx if.onnx broken.onnx --out-dir folder --junit r.xml --html r.html
many, dry       m.onnx if.onnx stays.onnx --dry-run --quiet
explain         explain m.onnx
explain, JSON   explain stays.onnx --json
run             run m.onnx --input x.npz -o out.npz
run, npy        run m.onnx --input x=x.npy -o out.npy
run, pb         run m.onnx --input-dir set --output-dir folder
run, data       run m.onnx --data sets --json
run, sparse     run sparse.onnx --input x.npz -o out.npz --exact
run, no input   run m.onnx
compare         compare m.onnx fused.onnx
compare, differ compare m.onnx other.onnx --json --junit r.xml
compare, data   compare m.onnx fused.onnx --data sets --html r.html
compare, repro  compare m.onnx other.onnx --repro repro
calibrate       calibrate m.onnx --data sets -o out.onnx
diff            diff m.onnx fused.onnx
diff, JSON      diff m.onnx fused.onnx --json
print           print m.onnx
print, bodies   print if.onnx
reasons         reasons --json
reason          reasons BNF101
help            --help
manual          --man
completions     --completions bash
"""


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def npy(dims):
    count = 1
    for dim in dims:
        count *= dim
    head = ("{'descr': '<f4', 'fortran_order': False, 'shape': (%s,), }" % ", ".join(map(str, dims))).ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack("<f", 0.25) * count


def sparse_model():
    """A Conv, then a BatchNormalization, then a product with a sparse matrix."""
    sparse = field(1, tensor("k", [2])) + field(2, numbers("", [1, 6])) + fields(3, [4, 4])
    nodes = [node("Conv", ["x", "w"], ["c"]), node("BatchNormalization", ["c", "s", "b", "m", "v"], ["y"], "bn"),
             node("GlobalAveragePool", ["y"], ["p"]), node("Flatten", ["p"], ["f"]), node("MatMul", ["f", "k"], ["z"])]
    tensors = [tensor("w", [4, 3, 1, 1])] + [tensor(n, [4]) for n in "sbmv"]
    return model(graph(nodes, [info("x", [2, 3, 8, 8])], [info("z", [2, 4])], tensors, field(15, sparse)))


def conv(name="bn", x=(2, 3, 8, 8), value=0.5):
    half = struct.pack("<f", value)
    nodes = [node("Conv", ["x", "w"], ["c"], "conv"), node("BatchNormalization", ["c", "s", "b", "m", "v"], ["y"], name)]
    tensors = [tensor("w", [4, 3, 3, 3])] + [tensor(n, [4], raw=half * 4) for n in "sbmv"]
    return model(graph(nodes, [info("x", x)], [info("y", (x[0], 4, 6, 6))], tensors))


def prepare():
    write("m.onnx", conv())
    write("other.onnx", conv(value=0.25))
    write("open.onnx", conv(x=("N", 3, 8, 8)))
    write("sparse.onnx", sparse_model())
    write("broken.onnx", conv()[:200])
    write("x.npy", npy([2, 3, 8, 8]))
    with zipfile.ZipFile("x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write("x.npy")
    for folder in ["set", "sets", "sets/test_data_set_0", "folder"]:
        os.mkdir(folder)
    for folder in ["set", "sets/test_data_set_0"]:
        write(folder + "/input_0.pb", tensor("x", [2, 3, 8, 8]))
    for name, model_name in [("stays", "bn_after_activation"), ("calls", "function_called_twice"), ("if", "if_branches_conv_bn"),
                             ("quantized", "quantised_weight_per_channel")]:
        os.symlink("%s/%s.onnx" % (MODELS, model_name), name + ".onnx")
    run("m.onnx -o fused.onnx --no-check".split())
    run(["%s/bn_flatten_gemm.onnx" % MODELS, "-o", "e.onnx", "--no-check", "--disable", "fold", "--external-data", "e.data"])
    run(["run", "m.onnx", "--input", "x=x.npy", "--output-dir", "sets/test_data_set_0"])


def run(arguments, **environment):
    """Status, what it said on standard error, and how many allocations there were."""
    for path in ["out.onnx", "out.npz", "out.npy", "folder/output_0.pb"]:
        write(path, b"old")
    for path in ["out.data", "count", "r.xml", "r.md", "r.html", "r.sarif", "r.json"]:
        if os.path.exists(path):
            os.remove(path)
    process = subprocess.run([PROGRAM] + arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             env=dict(os.environ, BNFUSE_ALLOC_COUNT="count", ASAN_OPTIONS="verify_asan_link_order=0", **environment))
    count = int(open("count").read()) if os.path.exists("count") else 0
    return process.returncode, process.stderr.decode("utf-8", "replace"), count


def target(arguments):
    if "-o" in arguments and arguments[arguments.index("-o") + 1] != "-":
        return arguments[arguments.index("-o") + 1]
    return "folder/output_0.pb" if "--output-dir" in arguments else None


def wrong(arguments, whole, found):
    """What is wrong with how it ended; None."""
    status, said, _ = found
    path = target(arguments)
    old = path is None or open(path, "rb").read() == b"old"
    lines = said.split("\n")
    complaints = [line for line in lines if line.startswith("bnfuse: ")]
    if status == whole[0]:
        return "the output is not there" if status == 0 and path and old else None
    if status != 70:
        return "status %d" % status
    most = MANY if sum(word.endswith(".onnx") for word in arguments) == MANY else 1
    if not 1 <= len(complaints) <= most + (most > 1) or lines[-1] != "":
        return "%d lines" % len(complaints)
    return None if old else "the output is changed"


def sweep(arguments):
    whole = run(arguments, LD_PRELOAD=LIBRARY)
    if whole[0] not in (0, 1, 2, 3, 5):
        return whole, 0, 0, ["without a failure: status %d: %s" % (whole[0], whole[1])]
    done = ended = 0
    faults = []
    for number in range(FIRST, whole[2] + 1, STEP):
        for mode in [{}, {"BNFUSE_ALLOC_ON": "1"}]:
            found = run(arguments, LD_PRELOAD=LIBRARY, BNFUSE_ALLOC=str(number), **mode)
            fault = wrong(arguments, whole, found)
            done += 1
            ended += found[0] == 70
            if fault:
                faults.append("allocation %d%s: %s: %s" % (number, " and all after it" if mode else "", fault, found[1][:300].strip()))
    return whole, done, ended, faults


total = failed = 0
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    prepare()
    print("| command | ends with | failures injected | ended with 70 | wrong |\n|---|--:|--:|--:|--:|")
    for line in COMMANDS.strip().split("\n"):
        name, arguments = line[:16].strip(), line[16:].split()
        whole, done, ended, faults = sweep(arguments)
        total, failed = total + done, failed + len(faults)
        print("| %s | %d | %d | %d | %d |" % (name, whole[0], done, ended, len(faults)), flush=True)
        for fault in faults[:5]:
            print("%s: %s" % (name, fault), file=sys.stderr)
    print("| all | | %d | | %d |" % (total, failed))
    os.chdir("/")
sys.exit(failed > 0)
