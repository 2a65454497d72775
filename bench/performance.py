#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""performance.py BUILD [MODEL[:INPUT.npy]...] > docs/performance.md

Every figure of docs/performance.md in one run, as medians of five and ratios of what ran in turn: products against
OpenBLAS; writing a model against copying it; growth; the check, and a run, against ONNX Runtime. What is not installed
(OpenBLAS, scripts/ort) is left out with a line. BUILD is a build folder with the targets bnfuse, bench_gemm,
bench_verify and bench_runtime."""
import math, os, platform, re, shutil, statistics, subprocess, sys, tempfile, time

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
    print("\n## Load, fuse, check and write, against ONNX Runtime (optimisations off) loading and running both once\n")
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
    print("| model | ms | optimisations off | all | double / float |\n|---|--:|--:|--:|--:|")
    for model, given in models:
        rows = []
        for _ in range(ROUNDS if given else 0):
            ours = re.search(r"([\d.]+) ms, in double ([\d.]+) ms",
                             Spent([os.path.join(build, "bench", "bench_runtime"), model, given, "1"]).text)
            theirs = re.search(r"([\d.]+) ms, optimised ([\d.]+) ms",
                               Spent(["node", os.path.join(HERE, "runtime.mjs"), model, given, "1"]).text)
            if not ours or not theirs:
                break
            (a, b), (c, d) = map(float, ours.groups()), map(float, theirs.groups())
            rows.append((a, a / c, a / d, b / a))
        if rows:
            print("| %s | %.2f | %.2f | %.2f | %.2f |"
                  % ((os.path.basename(model),) + tuple(statistics.median(column) for column in zip(*rows))))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build, models = sys.argv[1], [(name.split(":") + [""])[:2] for name in sys.argv[2:]]
    bnfuse = os.path.join(build, "bnfuse")
    print("# Performance\n\nMade by `bench/performance.py`. Ratios below 1 are ours, except at products.\n")
    print("Machine: %s." % machine())
    with tempfile.TemporaryDirectory() as room:
        products(build)
        files(bnfuse, models, room)
        verifying(build, models, room)
        growth(bnfuse, room)
        exponents(bnfuse, room)
        place = os.environ.get("BNFUSE_ORT", os.path.join(SOURCE, "build", "ort"))
        if shutil.which("node") and os.path.isdir(os.path.join(place, "node_modules")):
            check(bnfuse, models, room, os.cpu_count())
            inference(build, models)
        else:
            print("\nONNX Runtime is not installed (scripts/ort/install.sh); what compares with it is left out.")


main()
