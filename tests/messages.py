#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""messages.py PROGRAM MODELS: what people do wrong, and what they are told.

A row is a command line, its exit status, and what its message must say: the file, the node, what is wrong, what to do
next, as far as each applies. A message is one line on standard error; nothing is written."""
import os
import struct
import subprocess
import sys
import tempfile

program, models = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])


def read(name):
    with open(os.path.join(models, name + ".onnx"), "rb") as file:
        return file.read()


def write(path, content):
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


def npy(shape, kind="<f4", size=4):
    header = ("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (kind, "".join(f"{n}, " for n in shape))).encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    count = 1
    for n in shape:
        count *= n
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(count * size)


def field(number, content):
    """A length-delimited field of protobuf; sizes below 128."""
    return bytes([number << 3 | 2, len(content)]) + content


def with_data(path, location):
    """Relu of an initializer whose numbers are in another file."""
    entry = field(13, field(1, b"location") + field(2, location.encode()))
    tensor = b"\x08\x04\x10\x01" + field(8, b"w") + entry + b"\x70\x01"
    node = field(1, b"w") + field(2, b"y") + field(3, b"relu") + field(4, b"Relu")
    output = field(12, field(1, b"y") + field(2, field(1, b"\x08\x01")))
    write(path, b"\x08\x08" + field(7, field(1, node) + field(2, b"g") + field(5, tensor) + output) + field(8, b"\x10\x0d"))


def make_files():
    good = read("conv_bn_relu")
    write("good.onnx", good)
    write("other.onnx", read("trained_cnn"))
    write("overridable.onnx", read("ir4_overridable_weights"))
    write("short.onnx", good[:len(good) // 2])
    write("unknown_op.onnx", good.replace(b"Relu", b"Rulu"))
    write("no_value.onnx", good.replace(b"\x0a\x01n\x12\x01y", b"\x0a\x01q\x12\x01y"))
    write("empty.onnx", b"")
    write("lfs.onnx", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    write("torch.onnx", b"PK\3\4" + bytes(26) + b"model/data.pkl")
    write("graph.pb", b"\x0a\x1a\x0a\x01x\x12\x0bPlaceholder*\x0b\n\x05dtype\x12\x02\x30\x01")
    write("m.tflite", b"\x1c\0\0\0TFL3")
    write("m.xml", '<?xml version="1.0"?>\n<net name="m" version="11">')
    write("m.safetensors", b"\x40\0\0\0\0\0\0\0{\"w\":{}}")
    write("m.mlmodel", b"\x08\x04\x12\x0c\x0a\x0a\x0a\x05image\x1a\x01z")
    write("m.h5", b"\x89HDF\r\n\x1a\n")
    write("m.engine", b"ptrt\0\0\0\0")
    write("m.gguf", b"GGUF\3\0\0\0")
    write("m.param", "7767517\n75 83\n")
    write("m.pdmodel", b"\x0a\x10\x08\0\x10\xff\xff\xff\xff\x0f\x1a\4\x0a\2xx")
    write("answer.onnx", '{"message": "Not Found"}')
    write("page.onnx", "<!DOCTYPE html><html><body>404")
    write("packed.onnx.gz", b"\x1f\x8b\x08\0" + bytes(20))
    with_data("windows.onnx", "weights\\w.bin")
    with_data("drive.onnx", "\\".join(("C:", "models", "w.bin")))
    with_data("rooted.onnx", "/data/w.bin")
    with_data("above.onnx", "../w.bin")
    with_data("alone.onnx", "w.bin")
    os.mkdir("saved")
    write("saved/saved_model.pb", b"\x08\x01")
    os.mkdir("folder")
    write("x.npy", npy((2, 3, 6, 7)))
    write("small.npy", npy((2, 2)))
    write("whole.npy", npy((2, 3, 6, 7), "<i8", 8))
    write("bad.npy", "no array")
    os.mkdir("no_data")
    write("bad.jsonl", "no json\n")
    write("old.jsonl", '{"schema_version": 1}\n')


situations = [
    # Command lines.
    ("", 2, ["usage: bnfuse MODEL", "bnfuse --help"]),
    ("explian good.onnx", 2, ["explian", "no such file and no such command", "did you mean bnfuse explain?"]),
    ("cmopare good.onnx other.onnx", 2, ["did you mean bnfuse compare?"]),
    ("help explian", 2, ["no command explian", "bnfuse --help", "did you mean explain?"]),
    ("compare good.onnx", 2, ["usage: bnfuse compare A B", "bnfuse --help"]),
    ("explain good.onnx other.onnx", 2, ["usage: bnfuse explain MODEL"]),
    ("good.onnx --freeze-wieghts", 2, ["unknown option --freeze-wieghts", "bnfuse --help", "did you mean --freeze-weights?"]),
    ("good.onnx --ouput x.onnx", 2, ["did you mean --output?"]),
    ("run good.onnx --exct", 2, ["unknown option --exct", "bnfuse run --help", "did you mean --exact?"]),
    ("good.onnx --quite-another-thing", 2, ["unknown option --quite-another-thing", "bnfuse --help"]),
    ("good.onnx -z", 2, ["unknown option -z", "bnfuse --help"]),
    ("explain good.onnx --strict", 2, ["--strict does not go with bnfuse explain", "but with bnfuse MODEL"]),
    ("good.onnx --precision int8", 2, ["--precision", "but with bnfuse compare"]),
    ("good.onnx -o", 2, ["-o wants an argument: FILE"]),
    ("good.onnx --seed", 2, ["--seed wants an argument: NUMBER"]),
    # Values of options.
    ("good.onnx --disable clena", 2, ["--disable wants", "clean", '"clena"', "did you mean clean?"]),
    ("good.onnx --enable relu-scales", 2, ["--enable wants", "did you mean relu-scale?"]),
    ("good.onnx --lower mulladd", 2, ["--lower wants mul-add", "conv", "did you mean mul-add?", '"mulladd"']),
    ("good.onnx --check=ful", 2, ["--check wants", '"ful"', "did you mean full?"]),
    ("compare good.onnx other.onnx --precision flaot16", 2, ["--precision wants float16, bfloat16, int8", "did you mean float16?"]),
    ("--completions bsh", 2, ["--completions wants bash, zsh, fish", "did you mean bash?"]),
    ("good.onnx --require x", 2, ["--require wants N", '"x"']),
    ("good.onnx --memory 12Q", 2, ["--memory wants SIZE", "512M", '"12Q"']),
    ("good.onnx --timeout 0", 2, ["--timeout wants SECONDS", "above 0"]),
    ("good.onnx --threads many", 2, ["--threads wants N", "a whole number", '"many"']),
    ("good.onnx --atol small", 2, ["--atol wants NUMBER", "1e-5", '"small"']),
    ("good.onnx --shard 3/2", 2, ["--shard wants K/N", "2/5", '"3/2"']),
    ("good.onnx --dim N", 2, ["--dim wants NAME=N", '"N"']),
    ("good.onnx --dim N=0", 2, ["--dim wants NAME=N", "N >= 1", '"N=0"']),
    ("good.onnx --shape x:2x3x", 2, ["--shape wants NAME:AxBxC", '"x:2x3x"']),
    ("good.onnx --strict=1", 2, ["--strict takes no argument", "leave out =1"]),
    ("good.onnx -o out.onnx --external-data ../w.bin", 2, ["--external-data ../w.bin", "wants the name of a file beside the output"]),
    ("good.onnx --shape x:2xx", 2, ["--shape wants NAME:AxBxC", '"x:2xx"']),
    # Where output goes.
    ("good.onnx -o missing/out.onnx", 2, ["--output missing/out.onnx", "no folder missing", "make it first"]),
    ("good.onnx -o folder", 2, ["--output folder", "is a folder", "name a file in it"]),
    ("good.onnx --out-dir missing", 2, ["--out-dir missing", "no such folder", "make it first"]),
    ("good.onnx --out-dir -", 2, ["--out-dir -", "wants a folder"]),
    ("good.onnx --junit missing/r.xml", 2, ["--junit missing/r.xml", "no folder missing", "make it first"]),
    ("good.onnx -o - --json", 2, ["--json and --output cannot share standard output", "give one of them a file"]),
    ("good.onnx --junit - --html -", 2, ["--junit and --html cannot share standard output"]),
    ("run good.onnx --input x=x.npy -o -", 2, ["tensors do not go to standard output", "FILE.npz"]),
    ("good.onnx --external-data d.bin", 2, ["--external-data goes with --output"]),
    ("good.onnx -o out.onnx --junit out.onnx", 2, ["out.onnx", "--junit", "-o", "choose another file"]),
    ("good.onnx --junit good.onnx", 2, ["good.onnx", "--junit would overwrite the model", "choose another file"]),
    ("good.onnx other.onnx -o out.onnx", 2, ["--output takes one model", "--out-dir DIR"]),
    ("good.onnx other.onnx --json", 2, ["--json prints one object", "--jsonl FILE"]),
    ("good.onnx folder/../good.onnx --out-dir folder", 2, ["good.onnx", "two models have this name", "a folder for each"]),
    ("good.onnx good.onnx", 2, ["good.onnx", "is given twice"]),
    ("good.onnx -", 2, ["standard input is one model", "name it alone"]),
    ("good.onnx --junit /dev/full", 2, ["/dev/full", "cannot be written", "No space left"]),
    # Models that cannot be read.
    ("absent.onnx", 2, ["absent.onnx", "No such file"]),
    ("folder", 2, ["folder", "is a directory", "name the model file in it"]),
    ("empty.onnx", 3, ["empty.onnx", "is empty", "export it again"]),
    ("short.onnx", 3, ["short.onnx"]),
    ("lfs.onnx", 3, ["lfs.onnx", "a Git LFS pointer", "git lfs pull"]),
    ("torch.onnx", 3, ["torch.onnx", "a PyTorch checkpoint", "torch.onnx.export"]),
    ("graph.pb", 3, ["graph.pb", "a TensorFlow GraphDef", "tf2onnx.convert --graphdef"]),
    ("saved", 2, ["saved", "a TensorFlow SavedModel", "tf2onnx.convert --saved-model"]),
    ("m.tflite", 3, ["m.tflite", "TensorFlow Lite", "tf2onnx.convert --tflite"]),
    ("m.xml", 3, ["m.xml", "an OpenVINO model", "take the model it was made from"]),
    ("m.safetensors", 3, ["m.safetensors", "weights and no graph", "torch.onnx.export"]),
    ("m.mlmodel", 3, ["m.mlmodel", "a Core ML model", "take the model it was made from"]),
    ("m.h5", 3, ["m.h5", "HDF5", "keras", "tf2onnx"]),
    ("m.engine", 3, ["m.engine", "a TensorRT engine", "take the model it was made from"]),
    ("m.gguf", 3, ["m.gguf", "a GGUF file", "take the model it was made from"]),
    ("m.param", 3, ["m.param", "ncnn", "take the model it was made from"]),
    ("m.pdmodel", 3, ["m.pdmodel", "PaddlePaddle", "paddle2onnx"]),
    ("x.npy", 3, ["x.npy", "a NumPy array", "--input NAME=FILE"]),
    ("answer.onnx", 3, ["answer.onnx", "it is JSON", "repeat the download"]),
    ("page.onnx", 3, ["page.onnx", "a web page", "the download may have failed"]),
    ("packed.onnx.gz", 3, ["packed.onnx.gz", "compressed", "gunzip"]),
    # External data.
    ("windows.onnx", 3, ["windows.onnx", 'tensor "w"', "weights", "w.bin", "no such file", 'ONNX wants "/"']),
    ("drive.onnx", 3, ["drive.onnx", 'tensor "w"', "C:", 'ONNX wants "/"']),
    ("rooted.onnx", 3, ["rooted.onnx", 'tensor "w"', '"/data/w.bin"', "beneath the model's folder", "move the file there"]),
    ("above.onnx", 3, ["above.onnx", 'tensor "w"', '"../w.bin"', 'without ".."', "move the file there"]),
    ("alone.onnx", 3, ["alone.onnx", 'tensor "w"', '"w.bin"', "no such file", "put it beside the model"]),
    # Models that are wrong inside.
    ("no_value.onnx", 3, ["no_value.onnx", 'Relu "relu"', '"q"']),
    ("run unknown_op.onnx --input x=x.npy", 4, ["unknown_op.onnx", "Rulu", '"relu"']),
    ("good.onnx --memory 4K", 70, ["good.onnx", "out of memory", "--memory allows more"]),
    # Names of nodes, dims, inputs, outputs.
    ("good.onnx --skip nb", 2, ["good.onnx", "--skip nb", "no node", "bnfuse explain", "did you mean bn?"]),
    ("good.onnx --dim M=3", 2, ["good.onnx", '"M"', "no input of the model"]),
    ("good.onnx --shape q:2x3", 2, ["good.onnx", '"q"']),
    ("good.onnx --shape x:2x2", 2, ["good.onnx", "x float32 [2, 2]", 'Conv "conv"', "at least 3"]),
    ("good.onnx --atol z:1e-3", 2, ["good.onnx", '"z"', "no output of the model"]),
    # Data.
    ("run good.onnx", 2, ["good.onnx", 'input "x"', "--input x=FILE"]),
    ("run good.onnx --input x=absent.npy", 2, ["--input x=absent.npy", "absent.npy", "No such file"]),
    ("run good.onnx --input x=bad.npy", 2, ["bad.npy"]),
    ("run good.onnx --input q=x.npy", 2, ["good.onnx", '"q"']),
    ("good.onnx --input x=small.npy", 2, ["good.onnx", "[2, 3, 6, 7]", "[2, 2]"]),
    ("good.onnx --input x=whole.npy", 2, ["whole.npy", "float32", "int64"]),
    ("good.onnx --data absent", 2, ["--data absent", "no such folder"]),
    ("good.onnx --data no_data", 2, ["no_data", "holds no data"]),
    ("calibrate good.onnx", 2, ["good.onnx", "needs data", "--data DIR"]),
    # Verdicts and policies.
    ("compare good.onnx other.onnx", 1, ["good.onnx", "other.onnx", '"y"', "float32"]),
    ("overridable.onnx -o out.onnx --strict", 5, ["overridable.onnx", "could go (--strict)", "bnfuse explain"]),
    ("good.onnx --require 5", 5, ["good.onnx", "--require wants 5"]),
    ("good.onnx -o out.onnx --timeout 1e-9", 124, ["out of time", "--timeout", "nothing was written"]),
    # Reports.
    ("report absent.jsonl", 2, ["absent.jsonl", "No such file"]),
    ("report bad.jsonl", 2, ["bad.jsonl", "object 1", "no JSON", "--jsonl FILE"]),
    ("report old.jsonl", 2, ["old.jsonl", "schema_version 2", "--jsonl FILE"]),
    ("reasons BNF999", 2, ['"BNF999"', "bnfuse reasons lists them"]),
]

faults = []
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    make_files()
    before = sorted(os.listdir("."))
    for line, expected, words in situations:
        run = subprocess.run([program, *line.split()], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             stdin=subprocess.DEVNULL)
        said = run.stderr.decode()
        if run.returncode != expected:
            faults.append(f"bnfuse {line}: exit {run.returncode}, not {expected}: {said}")
        if said.count("\n") != 1 or not said.startswith("bnfuse: "):
            faults.append(f"bnfuse {line}: not one line: {said}")
        missing = [word for word in words if word not in said]
        if missing:
            faults.append(f"bnfuse {line}: no {missing} in: {said}")
        if sorted(os.listdir(".")) != before:
            faults.append(f"bnfuse {line}: left {set(os.listdir('.')) - set(before)}")
            before = sorted(os.listdir("."))
    # What the command line holds cannot begin a line of its own: a CI would take it for a command.
    for words in (["--no-such\n::error::x"], ["x\n::error::y", "good.onnx"], ["good.onnx", "--dim", "N\n::error::x"],
                  ["good.onnx", "--skip", "n\n::error::x"]):
        said = subprocess.run([program, *words], capture_output=True).stderr.decode()
        if len(said.splitlines()) != 1 or not said.startswith("bnfuse: "):
            faults.append(f"{words}: {said!r}")
    os.chdir("/")
print("\n".join(faults) or f"{len(situations)} situations")
sys.exit(bool(faults) or len(situations) < 60)
