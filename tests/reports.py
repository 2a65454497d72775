#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""reports.py PROGRAM MODELS DOCS: the reports of real runs, read as their readers would.

JUnit: as many distinct keys as cases over several models, and counts that are those of the cases. HTML: balanced, no
reference to anything outside, every link has its target. SARIF and node data: JSON of the promised form."""
import html.parser
import json
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

import jsonschema

program, models, docs = sys.argv[1:4]
names = ["conv_bn_relu", "trained_cnn", "if_branches_conv_bn", "bn_relu_gemm", "shared_weight_two_bns"]
faults = []


def check(good, words):
    if not good:
        faults.append(words)


class Page(html.parser.HTMLParser):
    """Counts what is open, and collects links and targets."""
    empty = {"meta", "br", "link", "input", "img", "hr"}

    def __init__(self):
        super().__init__()
        self.open, self.links, self.ids, self.outside, self.tags = [], [], set(), [], set()

    def handle_startendtag(self, tag, attributes):
        self.look(tag, attributes)

    def handle_starttag(self, tag, attributes):
        self.look(tag, attributes)
        if tag not in self.empty:
            self.open.append(tag)

    def look(self, tag, attributes):
        self.tags.add(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.add(value)
            elif name in ("href", "src"):
                (self.links if value.startswith("#") else self.outside).append(value)
            elif name == "style" or name.startswith("on"):
                self.outside.append(name)

    def handle_endtag(self, tag):
        check(self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}")
        if self.open:
            self.open.pop()


def read_junit(path, keys):
    suites = xml.parse(path).getroot()
    suite = suites.find("testsuite")
    cases = suite.findall("testcase")
    check(all(suites.get(name) == suite.get(name) for name in ("tests", "failures", "errors", "skipped")), f"{path}: other sums")
    check(int(suite.get("tests")) == len(cases), f"{path}: tests={suite.get('tests')}, {len(cases)} cases")
    for name, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        count = sum(case.find(element) is not None for case in cases)
        check(int(suite.get(name)) == count, f"{path}: {name}={suite.get(name)}, {count} cases")
    keys += [(case.get("classname"), case.get("name")) for case in cases]
    check(all(float(case.get("time")) >= 0 for case in cases), f"{path}: a case without time")
    return len(cases)


def read_page(path):
    page = Page()
    text = open(path, encoding="utf-8").read()
    page.feed(text)
    check(not page.open, f"{path}: left open: {page.open}")
    check(not page.outside and "script" not in page.tags, f"{path}: refers to {page.outside}")
    check(all(link[1:] in page.ids for link in page.links), f"{path}: a link without a target")
    check('name="viewport"' in text and "<main>" in text and "svg" in page.tags, f"{path}: incomplete")


schema = json.load(open(os.path.join(docs, "report.schema.json")))


def read_json(words, expected):
    run = subprocess.run([program, *words, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    check(run.returncode == expected, f"{words}: exit {run.returncode}, not {expected}")
    try:
        report = json.loads(run.stdout)
        jsonschema.validate(report, schema)
        check(report["status"] == run.returncode, f"{words}: status {report['status']}, exit {run.returncode}")
    except (ValueError, jsonschema.ValidationError) as error:
        check(False, f"{words}: {str(error)[:300]}")


def read_ways_out(folder, model):
    """Each way out of the program: no old report outlives it, and every report says how it ended."""
    ways = [([model, "-o", "OUT"], 0), ([model, "--no-such-option"], 2), (["absent.onnx"], 2), ([os.path.join(docs, "json.md")], 3),
            ([model, "--require", "9"], 5), ([model, "--memory", "1K"], 70), ([model, "--timeout", "1e-9"], 124),
            (["compare", model, os.path.join(models, "trained_cnn.onnx")], 1)]
    kinds = ("junit", "html", "sarif", "markdown")
    for words, expected in ways:
        files = {kind: os.path.join(folder, "way." + kind) for kind in kinds}
        for path in files.values():
            open(path, "w").write("<old/>")
        words = [word if word != "OUT" else os.path.join(folder, "way.onnx") for word in words]
        command = [program, *words]
        for kind, path in files.items():
            command += ["--" + kind, path]
        status = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
        check(status == expected, f"{words}: exit {status}, not {expected}")
        texts = {kind: open(path).read() if os.path.exists(path) else "" for kind, path in files.items()}
        for kind, text in texts.items():
            check(text and text != "<old/>", f"{words}: exit {status}, and the {kind} report is {text[:6] or 'missing'}")
        if not all(text and text != "<old/>" for text in texts.values()):
            continue
        suite = xml.fromstring(texts["junit"])
        check((int(suite.get("failures")) + int(suite.get("errors")) > 0) == (status != 0), f"{words}: JUnit says other than {status}")
        check(('"band good"' in texts["html"]) == (status == 0), f"{words}: the page says other than {status}")
        levels = [result["level"] for result in json.loads(texts["sarif"])["runs"][0]["results"]]
        check(("error" in levels) == (status != 0), f"{words}: SARIF says other than {status}")
        left = [name for name in os.listdir(folder) if name.startswith("way.") and name.rsplit(".", 1)[1] not in (*kinds, "onnx")]
        check(not left, f"{words}: left {left}")
        read_json([word for word in words], expected)


def read_all(folder):
    """What is said of every model of ours, a line each: fused and checked, in full and not."""
    everything = sorted(os.path.join(models, name) for name in os.listdir(models) if name.endswith(".onnx"))
    runs = ([], everything), (["--check=full", "--freeze-weights"], everything[::5]), (["--no-check", "--simplify", "--lower", "mul-add"], everything)
    for options, some in runs:
        path = os.path.join(folder, "all.jsonl")
        subprocess.run([program, *some, *options, "-q", "--jsonl", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lines = list(open(path, encoding="utf-8"))
        check(len(lines) == len(some), f"{len(lines)} lines of {len(some)} models")
        for line, model in zip(lines, some):
            report = json.loads(line)
            try:
                jsonschema.validate(report, schema)
            except jsonschema.ValidationError as error:
                check(False, f"{report['model']}: {str(error)[:300]}")
            check(report["model"] == model, f"{report['model']} stands for {model}")


def a_member_more_is_refused():
    """The schema would notice a member that it does not know, at any depth."""
    report = json.loads(subprocess.run([program, model_named("conv_bn_relu"), "--json"], stdout=subprocess.PIPE).stdout)
    places = [report, report["sha256"], report["batch_normalizations"][0], report["check"], report["check"]["sites"][0],
              report["check"]["outputs"][0], report["check"]["outputs"][0]["metrics"], report["nodes"]]
    for i, place in enumerate(places):
        place["surprise"] = 1
        try:
            jsonschema.validate(report, schema)
            check(False, f"the schema lets a member pass at place {i}")
        except jsonschema.ValidationError:
            pass
        del place["surprise"]


def model_named(name):
    return os.path.join(models, name + ".onnx")


def read_many(folder):
    """The first of many models is not written over what the last one reads; a time-out reports them all."""
    into, other, path = os.path.join(folder, "into"), os.path.join(folder, "other"), os.path.join(folder, "many.jsonl")
    os.mkdir(into)
    os.mkdir(other)
    shutil.copy(model_named("conv_bn_relu"), os.path.join(other, "weights.onnx"))
    subprocess.run([program, model_named("trained_cnn"), "-o", os.path.join(into, "net.onnx"), "--external-data", "weights.onnx", "-q"],
                   stdout=subprocess.DEVNULL)
    data = os.path.join(into, "weights.onnx")
    before = open(data, "rb").read()
    two = [os.path.join(other, "weights.onnx"), os.path.join(into, "net.onnx")]
    ways = [([*two, "--out-dir", into], 2), ([*two, "--timeout", "1e-9"], 124), ([*two, "--no-such-option"], 2), (two, 0)]
    for words, expected in ways:
        open(path, "w").write("{}")
        run = subprocess.run([program, *words, "--jsonl", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        check(run.returncode == expected, f"{words}: exit {run.returncode}, not {expected}: {run.stderr}")
        lines = [json.loads(line) for line in open(path)]
        check([line["status"] for line in lines] == [expected] * 2, f"{words}: {lines}")
        check(open(data, "rb").read() == before, f"{words}: the data of another model are gone")
        merged = subprocess.run([program, "report", path, "-q"], stdout=subprocess.DEVNULL).returncode
        check(merged == expected, f"{words}: merged to {merged}, not {expected}")


def save_slow_model(path):
    """Minutes of work, a hundredth of a second a node."""
    from onnx import TensorProto, helper, save
    size, count, ones = [16, 16, 3, 3], 40000, [1.0] * 16
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4), helper.make_node("BatchNormalization", ["c", *"sbmv"], ["v0"])]
    nodes += [helper.make_node("Conv", [f"v{i}", "w"], [f"v{i + 1}"], pads=[1] * 4) for i in range(count)]
    weights = [helper.make_tensor("w", TensorProto.FLOAT, size, [0.01] * (16 * 16 * 9))]
    weights += [helper.make_tensor(name, TensorProto.FLOAT, [16], ones) for name in "sbmv"]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16, 64, 64])]
    outputs = [helper.make_tensor_value_info(f"v{count}", TensorProto.FLOAT, None)]
    save(helper.make_model(helper.make_graph(nodes, "slow", inputs, outputs, weights), opset_imports=[helper.make_opsetid("", 13)]), path)


def each_model_has_its_time(folder):
    slow, into, path = (os.path.join(folder, name) for name in ("slow.onnx", "timed", "timed.jsonl"))
    try:
        save_slow_model(slow)
    except ImportError:
        print("skipped: python3-onnx is not installed")
        return
    os.mkdir(into)
    run = subprocess.run([program, slow, model_named("conv_bn_relu"), "--out-dir", into, "--timeout", "4", "--work", "1e6", "--jsonl", path, "-q"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    statuses = [json.loads(line)["status"] for line in open(path)]
    check(run.returncode == 124 and statuses == [124, 0], f"a slow model, then a fast one: {run.returncode}, {statuses}")
    check(run.stderr == f"bnfuse: {slow}: out of time (--timeout); nothing was written\n", f"a slow model: {run.stderr!r}")
    check(os.listdir(into) == ["conv_bn_relu.onnx"], f"written beside a slow model: {os.listdir(into)}")


def graphs_of(path):
    """The pictures of nodes on a page: those around what stays and what differs, by their headings."""
    text = open(path, encoding="utf-8").read().split("BatchNormalizations that were folded</h2>")[0]
    return [part.split("</svg>")[0] for part in text.split('aria-label="the nodes around it ')[1:]]


def a_merged_page_has_the_pictures_of_single_ones(folder):
    line, page, merged = (os.path.join(folder, name) for name in ("one.jsonl", "one.html", "merged.html"))
    kept = ("bn_after_activation", "bn_bn_become_one", "conv_read_in_if_body", "conv_relu_bn_pool_conv", "concat_with_two_others_bn")
    commands = [[model_named(name)] for name in kept]
    commands.append(["compare", model_named("conv_bn_relu"), model_named("bn_lowered_to_mul_add")])
    count = 0
    for words in commands:
        subprocess.run([program, *words, "-q", "--jsonl", line, "--html", page], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run([program, "report", line, "-q", "--html", merged], stdout=subprocess.DEVNULL)
        check(graphs_of(page) == graphs_of(merged), f"{words}: the merged page draws other nodes")
        read_page(merged)
        jsonschema.validate(json.loads(open(line).readline()), schema)
        count += len(graphs_of(page))
    check(count > 12, f"only {count} pictures of nodes")


keys, cases = [], 0
with tempfile.TemporaryDirectory() as folder:
    for name in names:
        base = os.path.join(folder, name)
        command = [program, os.path.join(models, name + ".onnx"), "-o", base + ".onnx", "-q"]
        for kind in ("junit", "html", "sarif", "node-data", "markdown"):
            command += ["--" + kind, f"{base}.{kind}"]
        status = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
        check(status == 0, f"{name}: exit {status}")
        if status:
            continue
        cases += read_junit(base + ".junit", keys)
        read_page(base + ".html")
        sarif = json.load(open(base + ".sarif"))
        rules = {rule["id"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]}
        check(all(result["ruleId"] in rules for result in sarif["runs"][0]["results"]), f"{name}: a result without rule")
        for group in json.load(open(base + ".node-data")).values():
            check(all("value" in node for node in group["results"].values()), f"{name}: a node without value")
    model = {name: os.path.join(models, name + ".onnx") for name in names}
    output = os.path.join(folder, "out.onnx")
    read_json([model["conv_bn_relu"], "-o", output], 0)
    read_json(["explain", model["if_branches_conv_bn"]], 0)
    read_json(["explain", model["bn_relu_gemm"]], 0)
    read_json(["compare", model["conv_bn_relu"], output], 0)
    read_json(["compare", model["conv_bn_relu"], model["trained_cnn"]], 1)
    read_json([os.path.join(folder, "absent.onnx"), "-o", output], 2)
    read_json([os.path.join(docs, "json.md"), "-o", output], 3)
    read_json([model["conv_bn_relu"], "-o", output, "--require", "5"], 5)
    read_ways_out(folder, model["conv_bn_relu"])
    read_all(folder)
    read_many(folder)
    each_model_has_its_time(folder)
    a_merged_page_has_the_pictures_of_single_ones(folder)
    a_member_more_is_refused()
    read_json(["run", model["conv_bn_relu"], "--input", "x=absent.npy"], 2)
    read_json(["diff", model["conv_bn_relu"], output], 1)
    read_json(["diff", output, output], 0)
    said = subprocess.run([program, "diff", model["conv_bn_relu"], output], stdout=subprocess.PIPE, text=True).stdout
    nodes = [line for line in said.splitlines() if line[2:].startswith("node ")]
    check(any(line.startswith("- node BatchNormalization") for line in nodes)
          and all("BatchNormalization" in line or "Conv" in line for line in nodes)
          and "! tensor" in said, f"diff of a fold names other places: {said}")
    check(cases > 20, f"only {cases} cases")
    check(len(set(keys)) == len(keys), f"{len(keys)} cases have {len(set(keys))} keys")
print("\n".join(faults) or f"{cases} cases of {len(names)} models, each with a key of its own")
sys.exit(bool(faults))
