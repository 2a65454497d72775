#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""terminal.py PROGRAM MODELS: what a terminal gets, and what a log gets. The terminal is a pty."""
import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unicodedata

program, models = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
faults = []


def check(good, words):
    if not good:
        faults.append(words)


def model(name):
    return os.path.join(models, name + ".onnx")


def on_terminal(words, columns=80, **variables):
    """What a terminal of that width shows, byte for byte; and the exit status."""
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    environment.update({"TERM": "xterm", **variables})
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    child = subprocess.Popen([program, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # nobody has it open any more
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    return shown.decode(), child.wait()


def in_log(words, **variables):
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    environment.update(variables)
    run = subprocess.run([program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    return run.stdout.decode(), run.stderr.decode()


def plain(text):
    """What stays on the screen: colors and lines that were drawn over are gone."""
    text = re.sub("\033\\[[0-9;]*m", "", text)
    return re.sub("[^\n]*\r\033\\[K|[^\n]*\r(?!\n)", "", text).replace("\r\n", "\n")


def width(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def rename(source, target, old, new):
    """A model with a name of equal length, so that no length inside it changes."""
    data = open(source, "rb").read()
    check(old in data and len(old) == len(new), f"no {old} in {source}")
    open(target, "wb").write(data.replace(old, new))


net = model("trained_cnn")

# The first thing on a terminal is what is being done, before anything else.
shown, status = on_terminal([net])
check(status == 0 and re.match("\rloading .*trained_cnn.onnx\033\\[K", shown), f"begins with {shown[:60]!r}")
for stage in ("loading", "fusing", "checking"):
    check(f"\r{stage} " in shown, f"no stage {stage}")
screen = plain(shown)
check("loading" not in screen and "checking" not in screen, f"progress stays on the screen: {screen[:200]!r}")
check(screen.rstrip().endswith("verdict: pass"), f"ends with {screen[-80:]!r}")
check(screen.index("gone (-v") < screen.index("check:"), "the remarks do not come before the check")
check("\rchecking" in shown and shown.index("BatchNormalizations are gone") < shown.index("\rchecking"),
      "the remarks are not printed before the check begins")

# Numbers for people have a comma before every three digits; JSON's do not.
table = in_log([net, "--no-check"])[0]
check(re.search(r"^parameters +18,474 +17,890 +-584$", table, re.M), f"no commas in: {table[-300:]}")
check(json.loads(in_log([net, "--no-check", "--json"])[0])["parameters"] == {"before": 18474, "after": 17890}, "commas in JSON")

# Colors: on a terminal, not in a log; NO_COLOR and FORCE_COLOR say otherwise.
check("\033[32mverdict: pass" in shown, "no color on a terminal")
check("\033[3" not in on_terminal([net], NO_COLOR="1")[0], "NO_COLOR has colors")
check("\033[3" not in on_terminal([net], TERM="dumb")[0] and "\r\033" not in on_terminal([net], TERM="dumb")[0],
      "a dumb terminal gets escapes")
out, err = in_log([net])
check("\033" not in out + err and err == "", f"a log gets {err!r}")
check("\033[32m" in in_log([net], FORCE_COLOR="1")[0], "FORCE_COLOR has none")
check("\033" not in in_log([net], FORCE_COLOR="1", NO_COLOR="1")[0], "NO_COLOR does not win")
check("\033" not in in_log([net], FORCE_COLOR="0")[0], "FORCE_COLOR=0 has colors")

# Every line fits, names in other scripts included; none begins with a word of the model's.
with tempfile.TemporaryDirectory() as folder:
    wide = os.path.join(folder, "wide.onnx")
    rename(model("conv_relu_bn_conv"), wide, b"relu", "畳a".encode())
    scripts = os.path.join(folder, "畳" * 25 + "e\u0301" * 20 + ".onnx")  # wide characters, and combining marks
    shutil.copy(net, scripts)
    tried = [[scripts, net], [net], [net, "-v"], ["explain", net], [model("bn_after_activation")], [model("bn_after_activation"), "-v"],
             [net, model("conv_bn_relu")], ["compare", net, model("conv_bn_relu")], [wide], ["explain", wide]]
    for words in tried:
        for columns in (40, 60, 80, 132):
            for text in (plain(on_terminal(words, columns)[0]), in_log(words, COLUMNS=str(columns))[0]):
                for line in text.splitlines():
                    if line.startswith("bnfuse: "):
                        continue  # an error is one line
                    check(width(line) <= columns, f"{' '.join(words)} at {columns}: {width(line)} columns: {line}")
                    check(re.match("(bn|op|hint|note|check|result|verdict|total|model|nodes|parameters|bytes|simplified|grown|in|[0-9]+|"
                                   "\\.\\.\\.|    \\||    |  [a-z(]| *before| *$)", line), f"{' '.join(words)} at {columns} begins: {line}")
check(max(map(width, in_log([net])[0].splitlines())) > 80, "a log is wrapped")

# In a log progress is lines; asked for, one for each stage at least.
lines = in_log([net, "--progress"])[1].splitlines()
check(all(re.match(r"bnfuse: (loading|fusing|checking) \S+trained_cnn.onnx( \d+%(, \d+ (s|min) left)?)?$", line) for line in lines),
      f"progress in a log: {lines[:3]}")
check([line.split()[1] for line in lines if "%" not in line] == ["loading", "fusing", "checking"], f"stages in a log: {lines[:9]}")
check(in_log([net, "-q"])[1] == "", "quiet is not quiet")
shown, status = on_terminal([net, "-q"])
check(plain(shown).strip() == "verdict: pass" and "loading" not in shown, f"quiet on a terminal: {shown!r}")

# A model does not go to a terminal.
shown, status = on_terminal([net, "-o", "-"])
check(status == 2 and "is a terminal" in shown and len(shown) < 200, f"-o - to a terminal: {shown[:100]!r}")

print("\n".join(faults[:40]) or "a terminal and a log get what each can show")
sys.exit(bool(faults))
