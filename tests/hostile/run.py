#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""run.py PROGRAM DIR [NAME...]: the program on every hostile file of DIR (made by make.py), within 10 s of CPU and 2 GiB.
Fails where the exit status is another than the file's line allows, where it is not said in one line, where a CI would
find a command in the output, or where a file is written that should not be."""
import os
import re
import resource
import subprocess
import sys
import tempfile

PROGRAM, DIR, ONLY = os.path.abspath(sys.argv[1]), sys.argv[2], set(sys.argv[3:])
CPU_SECONDS, MEMORY = 10, 2 << 30
SLOWLY = os.environ.get("HOSTILE_SLOWLY") == "1"  # sanitizers and emulators need more of both; bombs are left out


def limits():
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS * (10 if SLOWLY else 1),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(arguments, folder):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([PROGRAM] + arguments, stdout=out, stderr=err, stdin=subprocess.DEVNULL, cwd=folder, preexec_fn=limits)
        _, status, usage = os.wait4(process.pid, 0)
        out.seek(0)
        err.seek(0)
        return os.waitstatus_to_exitcode(status), out.read().decode("utf-8", "backslashreplace"), err.read().decode("utf-8", "backslashreplace"), usage


def speaks(text):
    """Commands to a CI, and what moves a terminal's cursor or turns its text round."""
    return re.search(r"##(\[|\w+\[)|^\s*::|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", text, re.M)


def faults(name, options, statuses, words, folder):
    path = os.path.join(os.path.abspath(DIR), name + ".onnx")
    options = options.split()
    command = [options.pop(0)] if options and options[0] in ("explain", "run") else []
    target = [] if command else ["-o", "out.onnx"]
    status, out, err, usage = run(command + [path] + options + target, folder)
    written = os.path.exists(os.path.join(folder, "out.onnx"))
    if str(status) not in statuses.split():
        yield "ended with %d, not %s: %s" % (status, statuses, (err or out)[-300:].strip())
    if status and not re.fullmatch(r"bnfuse: [^\n]+\n", err):
        yield "is not said in one line: %r" % err[:200]
    if words and words not in out + err:
        yield "does not say %r: %s" % (words, (err or out)[-300:].strip())
    if written != (status == 0 and not command):
        yield "is written" if written else "is not written"
    for report in ["", "r.xml", "r.md", "r.html", "r.sarif", "r.json"]:
        text = out + err if not report else open(os.path.join(folder, report), errors="replace").read() if os.path.exists(os.path.join(folder, report)) else ""
        if speaks(text.replace("## bnfuse", "")):
            yield "speaks to a CI in %s" % (report or "its output")
    if usage.ru_maxrss * 1024 > MEMORY and not SLOWLY:
        yield "took %d MiB" % (usage.ru_maxrss >> 10)


failed = count = 0
for line in open(os.path.join(DIR, "cases.tsv")):
    name, options, statuses, words, wrong = line.rstrip("\n").split("\t")
    if (ONLY and name not in ONLY) or (SLOWLY and name.startswith("bomb_")):
        continue
    count += 1
    with tempfile.TemporaryDirectory() as folder:
        found = list(faults(name, options, statuses, words, folder))
    for fault in found:
        print("%s (%s): %s" % (name, wrong, fault))
    failed += bool(found)
print("hostile files: %d passed, %d failed" % (count - failed, failed))
sys.exit(failed > 0)
