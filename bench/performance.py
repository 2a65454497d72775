#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""performance.py BUILD [MODEL[:INPUT.npy]...] > docs/performance.md      without a MODEL: those of networks.py
performance.py BUILD large
performance.py BUILD wasm MODEL...

Every figure of docs/performance.md in one run, as medians of five and ratios of what ran in turn: products against
OpenBLAS; writing a model against copying it; growth; the check, and a run, against ONNX Runtime; WebAssembly against
native. What is not there (OpenBLAS, scripts/ort, bindings/node/bnfuse.wasm) is left out with a line. BUILD is a build
folder with the targets bnfuse, bench_gemm, bench_verify and bench_runtime.

`large` writes models of 1.9 GB in one file and of 6 GB beside it, every weight of which changes, against copying them;
it takes some minutes, and 18 GB in the folder for temporary files (TMPDIR)."""
import array, math, os, platform, random, re, shutil, statistics, struct, subprocess, sys, tempfile, time
import networks
from onnx_file import field, model as model_head, node, tensor, value_info, varint

ROUNDS = 5
HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(HERE)


class Spent:
    """Seconds of wall clock and of the processors, MiB at the most, and what was printed."""

    def __init__(self, command):
        # GNU time stands between: the peak that the kernel reports of a child of ours would be ours at the least.
        with tempfile.NamedTemporaryFile("r") as figures:
            start = time.perf_counter()
            process = subprocess.Popen(["/usr/bin/time", "-f", "%M", "-o", figures.name] + command,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.text = process.stdout.read().decode(errors="replace")
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
            self.wall, self.cpu = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
            self.memory = float(figures.read().splitlines()[-1]) / 1024


def in_turn(commands, rounds=ROUNDS):
    """Runs them in turn; a list of Spent for each."""
    spent = [[] for _ in commands]
    for _ in range(rounds):
        for command, list_of in zip(commands, spent):
            list_of.append(Spent(command))
    return spent


def median(runs, what):
    return statistics.median(getattr(run, what) for run in runs)


def ratio(runs, against, what):
    return statistics.median(getattr(a, what) / max(getattr(b, what), 1e-9) for a, b in zip(runs, against))


def machine():
    model = re.search(r"model name\s*:\s*(.*)", open("/proc/cpuinfo").read())
    return "%s, %d processors, %s %s, load %.1f before the run" % (
        model.group(1) if model else platform.machine(), os.cpu_count(), platform.system(), platform.release(),
        os.getloadavg()[0])


def products(build):
    print("\n## Matrix products, one thread, by the time of the process\n")
    print(Spent([os.path.join(build, "bench", "bench_gemm")]).text.rstrip())


def files(bnfuse, models, room):
    print("\n## Writing a model against copying it\n")
    print("| model | MiB | cp, s | transform / cp, wall | CPU | / cp and fsync | explain / cp | peak MiB |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for model, _ in models:
        copy, fused = os.path.join(room, "copy.onnx"), os.path.join(room, "fused.onnx")
        cp, synced, transform, explain = in_turn([
            ["cp", model, copy], ["sh", "-c", 'cp "$1" "$2" && sync "$2"', "sh", model, copy],
            [bnfuse, model, "-o", fused, "--no-check", "--freeze-weights"], [bnfuse, "explain", model]])
        print("| %s | %.1f | %.3f | %.2f | %.2f | %.2f | %.2f | %.0f |" % (
            os.path.basename(model), os.path.getsize(model) / 2**20, median(cp, "wall"), ratio(transform, cp, "wall"),
            ratio(transform, cp, "cpu"), ratio(transform, synced, "wall"), ratio(explain, cp, "wall"),
            median(transform, "memory")))


def verifying(build, models, room):
    print("\n## Verifying the written file, as a part of writing it\n")
    print("| model | MiB | ms | / cp, wall | CPU | share of the transform |\n|---|--:|--:|--:|--:|--:|")
    for model, _ in models:
        copy, fused = os.path.join(room, "copy.onnx"), os.path.join(room, "fused.onnx")
        cp, whole = in_turn([["cp", model, copy], [os.path.join(build, "bench", "bench_verify"), model, fused]])
        share = []
        for run in whole:
            found = re.search(r"verifying ([\d.]+) s, ([\d.]+) s", run.text)
            if not found:
                print("\n%s: %s" % (os.path.basename(model), run.text.strip()))
                break
            share.append(float(found.group(1)) / run.wall)
            run.wall, run.cpu = map(float, found.groups())
        else:
            print("| %s | %.1f | %.1f | %.2f | %.2f | %.2f |" % (
                os.path.basename(model), os.path.getsize(model) / 2**20, 1000 * median(whole, "wall"),
                ratio(whole, cp, "wall"), ratio(whole, cp, "cpu"), statistics.median(share)))


def make_model(kind, size, path):
    text = subprocess.run(["awk", "-v", "kind=" + kind, "-v", "n=%d" % size, "-f",
                           os.path.join(SOURCE, "tests", "growth.awk")], capture_output=True, check=True).stdout
    with open(path, "wb") as to:
        subprocess.run(["protoc", "--encode=bnfuse_onnx.ModelProto", "--proto_path=" + os.path.join(SOURCE, "proto"),
                        "onnx.proto"], input=text, stdout=to, check=True)


def growth(bnfuse, room):
    print("\n## Growth, without the check\n\n| chain of | s of CPU | MiB | KB a node |\n|---|--:|--:|--:|")
    model = os.path.join(room, "chain.onnx")
    for pairs in (5, 25000, 100000):
        make_model("chain", pairs, model)
        runs = in_turn([[bnfuse, model, "-o", os.path.join(room, "fused.onnx"), "--no-check"]], 3)[0]
        print("| %d nodes | %.2f | %.0f | %s |" % (
            2 * pairs, median(runs, "cpu"), median(runs, "memory"),
            "%.1f" % (median(runs, "memory") * 1024 / (2 * pairs)) if pairs > 1000 else "-"))
    make_model("chain", 5, model)
    runs = in_turn([[bnfuse, model, "-o", os.path.join(room, "fused.onnx")]], 21)[0]
    print("\n10 nodes, start to end with the check: %.1f ms of wall clock." % (1000 * median(runs, "wall")))


# ---- large models ----

CHANNELS = 4096  # of each Conv of kernel 1; 64 MiB of weights


def entry(key, value):
    return field(13, field(1, key) + field(2, value))


def weight(name, size, offset, location):
    """A weight's initializer but for its data, where they are in this file."""
    head = tensor(name, (CHANNELS, CHANNELS, 1, 1))
    if location:
        return field(5, head + entry("location", location) + entry("offset", str(offset)) + entry("length", str(size))
                     + field(14, 1))
    head += varint(9 << 3 | 2) + varint(size)
    return varint(5 << 3 | 2) + varint(len(head) + size) + head


def large_graph(layers, size, location):
    """The fields of a chain of Convs and BatchNormalizations, and whether a weight's data follow each."""
    last = "x"
    for i in range(layers):
        statistics_of = ["%s%d" % (name, i) for name in ("scale", "shift", "mean", "variance")]
        yield field(1, node("Conv", "conv%d" % i, [last, "w%d" % i], "c%d" % i)), False
        last = "y%d" % i
        yield field(1, node("BatchNormalization", "bn%d" % i, ["c%d" % i] + statistics_of, last)), False
        for k, name in enumerate(statistics_of):
            ramp = struct.pack("<%df" % CHANNELS, *((c * 7 + k) % 100 / 100 + 0.5 for c in range(CHANNELS)))
            yield field(5, tensor(name, (CHANNELS,)) + field(9, ramp)), False
        yield weight("w%d" % i, size, i * size, location), not location
    dims = (1, CHANNELS, 1, 1)
    yield field(2, "large") + field(11, value_info("x", dims)) + field(12, value_info(last, dims)), False


def make_large(path, layers, location):
    """A chain of so many Convs and BatchNormalizations; the weights are in the file, or in `location` beside it."""
    size, data = CHANNELS * CHANNELS * 4, struct.pack("<4096f", *(i / 4096 - 0.5 for i in range(4096))) * 4096
    pieces = list(large_graph(layers, size, location))
    with open(path, "wb") as to:
        to.write(model_head(sum(len(piece) + size * follows for piece, follows in pieces)))
        for piece, follows in pieces:
            to.write(piece)
            if follows:
                to.write(data)
    if location:
        with open(os.path.join(os.path.dirname(path), location), "wb") as to:
            for _ in range(layers):
                to.write(data)


def large(bnfuse, room):
    print("\n## Large models, all weights changed\n")
    print("| weights | GB | cp, s | transform / cp, wall | CPU | / cp and fsync | peak MiB |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    model, out = os.path.join(room, "large.onnx"), os.path.join(room, "out")
    for where, layers, location in (("in the file", 28, ""), ("external", 90, "large.data")):
        make_large(model, layers, location)
        given = os.path.join(room, location) if location else model
        external = ["--external-data=weights.data"] if location else []
        again = 'rm -rf "$2" && mkdir "$2" && '
        runs = in_turn([
            ["sh", "-c", again + 'cp "$1" "$2"', "sh", given, out],
            ["sh", "-c", again + 'cp "$1" "$2" && sync "$2"/*', "sh", given, out],
            ["sh", "-c", again + 'shift 2 && "$@"', "sh", given, out, bnfuse, model, "-o",
             os.path.join(out, "fused.onnx"), "--no-check"] + external], 3)
        cp, synced, transform = runs
        print("| %s | %.1f | %.2f | %.2f | %.2f | %.2f | %.0f |" % (
            where, os.path.getsize(given) / 1e9, median(cp, "wall"), ratio(transform, cp, "wall"),
            ratio(transform, cp, "cpu"), ratio(transform, synced, "wall"), median(transform, "memory")))
        for name in os.listdir(room):
            path = os.path.join(room, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)


LEVELS = ("quick", "standard", "full")


def both_once(model, fused, given, threads):
    """ONNX Runtime loads both and runs each once; None when it does not. The start of node does not count."""
    pair = Spent(["node", os.path.join(HERE, "pair.mjs"), model, fused, given, str(threads)])
    try:
        pair.wall, pair.cpu, pair.memory = map(float, pair.text.splitlines()[-1].split())
    except (ValueError, IndexError):
        return None
    return pair


KINDS = ("chain", "row", "fan", "shared", "concat", "inputs")  # of tests/growth.awk
GENERATOR = ("branches", "catbn", "convfan", "bnrow", "taps", "movers", "relus", "ifs", "loops", "functions", "inits",
             "names", "info", "consts", "adds", "reshape", "unused", "inputs")


def generate(kind, size, room):
    """A model of a generator outside the project, where there is one: BNFUSE_SHARED/scale."""
    generator = os.path.join(os.environ.get("BNFUSE_SHARED", ""), "scale", "gen_scale.py")
    if not os.path.isfile(generator):
        return None
    subprocess.run([generator, "%s=%d" % (kind, size), "-o", room], stdout=subprocess.DEVNULL, check=True)
    return os.path.join(room, "%s-%d.onnx" % (kind, size))


def exponents(bnfuse, room):
    """Between two sizes of every kind of model; what a program of its size takes anyway is left out."""
    print("\n### Powers of the size\n\n| kind | nodes or what grows | s of CPU | time | memory |\n|---|--:|--:|--:|--:|")
    model, few, many = os.path.join(room, "kind.onnx"), 4000, 16000
    make_model("chain", 5, model)
    least = Spent([bnfuse, model, "-o", os.path.join(room, "fused.onnx"), "--no-check"])
    for kind in KINDS + tuple("shared/" + name for name in GENERATOR):
        figures = []
        for size in (few, many):
            path = model
            if kind.startswith("shared/"):
                path = generate(kind[7:], size, room)
            else:
                make_model(kind, size, model)
            if path:
                runs = in_turn([[bnfuse, path, "-o", os.path.join(room, "fused.onnx"), "--no-check"]], 3)[0]
                figures.append([max(median(runs, what) - getattr(least, what), 1e-3) for what in ("cpu", "memory")])
        if len(figures) == 2:
            powers = [math.log(b / a) / math.log(many / few) for a, b in zip(*figures)]
            print("| %s | %d | %.2f | %.2f | %.2f |" % (kind.replace("shared/", ""), many, figures[1][0], *powers))


def check(bnfuse, models, room, threads):
    fused = os.path.join(room, "fused.onnx")
    print("\n## Load, fuse, check and write, against ONNX Runtime (optimizations off) loading and running both once\n")
    print("%d threads.\n\n| model | check | s | wall | CPU | peak memory |\n|---|---|--:|--:|--:|--:|" % threads)
    for model, given in models:
        ours, theirs = {level: [] for level in LEVELS}, []
        for _ in range(ROUNDS if given else 0):
            for level in LEVELS:
                ours[level].append(Spent([bnfuse, model, "-o", fused, "--freeze-weights", "--threads", str(threads),
                                          "--check=" + level]))
            theirs.append(both_once(model, fused, given, threads))
        for level in LEVELS if theirs and all(theirs) else ():
            print("| %s | %s | %.3f | %.2f | %.2f | %.2f |" % (
                os.path.basename(model), level, median(ours[level], "wall"), ratio(ours[level], theirs, "wall"),
                ratio(ours[level], theirs, "cpu"), ratio(ours[level], theirs, "memory")))


def inference(build, models):
    print("\n## A run in float32 against ONNX Runtime, one thread\n")
    print("| model | ms | optimizations off | all | double / float |\n|---|--:|--:|--:|--:|")
    for model, given in models:
        rows = []
        for _ in range(ROUNDS if given else 0):
            ours = re.search(r"([\d.]+) ms, in double ([\d.]+) ms",
                             Spent([os.path.join(build, "bench", "bench_runtime"), model, given, "1"]).text)
            theirs = re.search(r"([\d.]+) ms, optimized ([\d.]+) ms",
                               Spent(["node", os.path.join(HERE, "runtime.mjs"), model, given, "1"]).text)
            if not ours or not theirs:
                break
            (a, b), (c, d) = map(float, ours.groups()), map(float, theirs.groups())
            rows.append((a, a / c, a / d, b / a))
        if rows:
            print("| %s | %.2f | %.2f | %.2f | %.2f |"
                  % ((os.path.basename(model),) + tuple(statistics.median(column) for column in zip(*rows))))


def webassembly(bnfuse, models, room):
    """The program for node against the native one. NODES names other versions of node to measure, between colons."""
    print("\n## WebAssembly against native, one thread\n")
    if not os.path.exists(os.path.join(SOURCE, "bindings", "node", "bnfuse.wasm")):
        print("bindings/node/bnfuse.wasm is not built (scripts/wasm.sh); left out.")
        return
    os.environ.pop("NODE_EXTRA_CA_CERTS", None)  # node would read them at every start
    print("CPU time to fuse, check and write: the native process; `bnfuse` of the npm package, with the start of node; and\n"
          "a call of its `fuse` in a process that made some before, which gives a report as well.\n")
    print("| node | model | check | native, ms | process, ms | / native | call, ms | / native |")
    print("|---|---|---|--:|--:|--:|--:|--:|")
    program = os.path.join(SOURCE, "bindings", "node", "bin", "bnfuse.js")
    for node in os.environ.get("NODES", "node").split(":"):
        version = Spent([node, "--version"]).text.strip()
        for model, _ in models:
            for level in LEVELS:
                words = [model, "-o", os.path.join(room, "fused.onnx"), "-q", "--threads", "1", "--check=" + level]
                native, process = in_turn([[bnfuse] + words, [node, program] + words])
                again = float(Spent([node, os.path.join(HERE, "again.mjs"), model, level]).text) / 1e3
                print("| %s | %s | %s | %.0f | %.0f | %.2f | %.0f | %.2f |" % (
                    version, os.path.basename(model), level, 1e3 * median(native, "cpu"), 1e3 * median(process, "cpu"),
                    ratio(process, native, "cpu"), 1e3 * again, again / median(native, "cpu")))


def make_networks(room):
    """Those of networks.py, with an input for each."""
    given = os.path.join(room, "input.npy")
    with open(given, "wb") as to:
        to.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", 118))
        to.write(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 224, 224)}".ljust(117) + b"\n")
        to.write(array.array("f", (random.gauss(0, 1) for _ in range(3 * 224 * 224))).tobytes())
    paths = [os.path.join(room, name + ".onnx") for name in networks.NETWORKS]
    for name, path in zip(networks.NETWORKS, paths):
        networks.write(name, path)
    return [(path, given) for path in paths]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build, models = sys.argv[1], [(name.split(":") + [""])[:2] for name in sys.argv[2:]]
    bnfuse = os.path.join(build, "bnfuse")
    print("# Performance\n\nMade by `bench/performance.py`. Ratios below 1 are ours, except at products.\n")
    print("Machine: %s." % machine())
    with tempfile.TemporaryDirectory() as room:
        if sys.argv[2:] == ["large"]:
            large(bnfuse, room)
            return
        if sys.argv[2:3] == ["wasm"]:
            webassembly(bnfuse, models[1:], room)
            return
        models = models or make_networks(room)
        products(build)
        files(bnfuse, models, room)
        verifying(build, models, room)
        growth(bnfuse, room)
        exponents(bnfuse, room)
        webassembly(bnfuse, models, room)
        place = os.environ.get("BNFUSE_ORT", os.path.join(SOURCE, "build", "ort"))
        if shutil.which("node") and os.path.isdir(os.path.join(place, "node_modules")):
            check(bnfuse, models, room, os.cpu_count())
            inference(build, models)
        else:
            print("\nONNX Runtime is not installed (scripts/ort/install.sh); what compares with it is left out.")


if __name__ == "__main__":
    main()
