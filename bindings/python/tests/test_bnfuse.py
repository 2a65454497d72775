# SPDX-License-Identifier: Apache-2.0
"""The module against the models of this repository. BNFUSE_LIBRARY, BNFUSE_MODELS and BNFUSE_PROGRAM say where the build
is; without them, build/release."""

import inspect
import os
import struct
import subprocess
import sys
import typing
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
BUILD = CHECKOUT / "build" / "release"
os.environ.setdefault("BNFUSE_LIBRARY", str(BUILD / "libbnfuse.so.0"))
MODELS = Path(os.environ.get("BNFUSE_MODELS", BUILD / "models"))
PROGRAM = Path(os.environ.get("BNFUSE_PROGRAM", BUILD / "bnfuse"))
if not os.environ.get("BNFUSE_INSTALLED"):
    sys.path.insert(0, str(CHECKOUT / "bindings" / "python"))

import bnfuse  # noqa: E402

numpy = pytest.importorskip("numpy")


def model(name):
    return MODELS / f"{name}.onnx"


def test_bytes_come_back_as_the_program_writes_them(tmp_path):
    expected = tmp_path / "expected.onnx"
    subprocess.run([PROGRAM, model("conv_bn_relu"), "-o", expected], check=True, capture_output=True)
    fused = bnfuse.fuse(model("conv_bn_relu").read_bytes())
    assert isinstance(fused, bytes)
    assert fused == expected.read_bytes()


def test_a_path_is_written_in_one_step(tmp_path):
    out = tmp_path / "out.onnx"
    assert bnfuse.fuse(model("conv_bn_relu"), out) == out
    assert bnfuse.explain(out).remarks == []
    assert [path.name for path in tmp_path.iterdir()] == ["out.onnx"]


class Proto:
    """What the module asks of an onnx.ModelProto."""

    graph = None

    def __init__(self, data):
        self.data = data

    def SerializeToString(self):
        return self.data

    @classmethod
    def FromString(cls, data):
        return cls(data)


def test_a_proto_comes_back_as_one():
    fused = bnfuse.fuse(Proto(model("conv_bn_relu").read_bytes()))
    assert isinstance(fused, Proto)
    assert bnfuse.compare(model("conv_bn_relu"), fused)


def test_the_report_names_every_batch_normalization():
    _, report, check = bnfuse.fuse_and_report(model("trained_cnn"))
    assert (report.folded, report.left, len(report.remarks)) == (7, 0, 7)
    assert all(remark.outcome == "folded" and remark.where for remark in report.remarks)
    assert report.operators["BatchNormalization"] == (7, 0)
    assert report.nodes[1] < report.nodes[0]
    assert check and check.verdict == "pass" and check.sites_checked == check.sites > 0
    assert 0 < check.worst_site < 1e-12
    assert "7 of 7 BatchNormalizations gone" in str(report)


def test_options_reach_the_library():
    report = bnfuse.explain(model("conv_bn_relu"), skip=["bn"])
    assert report.folded == 0
    assert report.remarks[0].outcome == "stays" and report.remarks[0].code.startswith("BNF")
    with pytest.raises(bnfuse.UsageError, match="no-such"):
        bnfuse.explain(model("conv_bn_relu"), enable=["no-such"])
    with pytest.raises(TypeError):
        bnfuse.explain(model("conv_bn_relu"), no_such_option=True)


def test_simplify_does_what_the_program_does(tmp_path):
    report = bnfuse.explain(model("keras_transposes_bn"), simplify=True)
    assert report.rewrites and all(rewrite.rule and rewrite.node for rewrite in report.rewrites)
    assert not bnfuse.explain(model("keras_transposes_bn")).rewrites
    expected = tmp_path / "expected.onnx"
    command = [PROGRAM, model("keras_transposes_bn"), "--simplify", "-o", expected]
    subprocess.run(command, check=True, capture_output=True)
    assert bnfuse.fuse(model("keras_transposes_bn"), simplify=True) == expected.read_bytes()


def test_errors_have_the_status_of_the_program():
    with pytest.raises(bnfuse.InvalidModelError, match="not an ONNX model") as caught:
        bnfuse.fuse(b"no model")
    assert caught.value.status == 3
    with pytest.raises(bnfuse.UsageError, match="cannot open") as caught:
        bnfuse.fuse("no-such-file.onnx")
    assert caught.value.status == 2
    with pytest.raises(bnfuse.UsageError, match="path, bytes or"):
        bnfuse.fuse(5)
    assert issubclass(bnfuse.InvalidModelError, bnfuse.BnfuseError)


def test_compare_answers():
    a = model("conv_bn_relu").read_bytes()
    fused = bytearray(bnfuse.fuse(a))
    assert bnfuse.compare(a, bytes(fused)).status == 0
    # One of these places is a whole number of the last weight or bias.
    for back in range(64, 600):
        other = bytearray(fused)
        other[-back:len(other) - back + 4] = struct.pack("<f", 1e3)
        try:
            check = bnfuse.compare(a, bytes(other))
        except bnfuse.BnfuseError:
            continue
        assert not check and check.status == 1
        assert check.why
        return
    raise AssertionError("no change was seen")


def test_run_computes_the_same_before_and_after():
    x = numpy.sin(numpy.arange(252, dtype=numpy.float32)).reshape(2, 3, 6, 7)
    before = bnfuse.run(model("conv_bn_relu"), {"x": x})["y"]
    after = bnfuse.run(bnfuse.fuse(model("conv_bn_relu")), {"x": x})["y"]
    assert before.dtype == numpy.float32 and before.max() > 0
    numpy.testing.assert_allclose(before, after, rtol=1e-5, atol=1e-6)
    exact = bnfuse.run(model("conv_bn_relu"), {"x": x}, exact=True)["y"]
    numpy.testing.assert_allclose(before, exact, rtol=1e-5, atol=1e-6)
    with pytest.raises(bnfuse.UsageError, match='"x"'):
        bnfuse.run(model("conv_bn_relu"), {})
    with pytest.raises(bnfuse.UsageError, match="datetime64"):
        bnfuse.run(model("conv_bn_relu"), {"x": numpy.zeros(2, "datetime64[s]")})


def test_inputs_that_are_not_contiguous():
    x = numpy.arange(252, dtype=numpy.float32).reshape(7, 6, 3, 2).T
    straight = numpy.ascontiguousarray(x)
    numpy.testing.assert_array_equal(bnfuse.run(model("conv_bn_relu"), {"x": x})["y"],
                                     bnfuse.run(model("conv_bn_relu"), {"x": straight})["y"])


def external(tmp_path):
    bnfuse.fuse(model("trained_cnn"), tmp_path / "m.onnx", external_file="w.bin")
    assert (tmp_path / "w.bin").stat().st_size > 1024
    return (tmp_path / "m.onnx").read_bytes(), (tmp_path / "w.bin").read_bytes()


def test_external_data_from_folder_mapping_and_function(tmp_path):
    data, weights = external(tmp_path)
    asked = []

    def find(location):
        asked.append(location)
        return weights

    for source in (tmp_path, str(tmp_path), {"w.bin": weights}, find):
        assert bnfuse.compare(model("trained_cnn"), data, external_data=source), source
    assert set(asked) == {"w.bin"}
    for source in ({}, lambda location: None, tmp_path / "elsewhere"):
        with pytest.raises(bnfuse.BnfuseError, match="w.bin"):
            bnfuse.fuse(data, external_data=source)


def test_a_model_in_memory_keeps_what_stays_of_its_external_data(tmp_path):
    bnfuse.fuse(model("trained_cnn"), tmp_path / "m.onnx", external_file="w.bin", skip=["/1/BatchNormalization"])
    fused = bnfuse.fuse((tmp_path / "m.onnx").read_bytes(), external_data=tmp_path)
    assert not bnfuse.explain(fused, external_data=tmp_path).remarks
    assert bnfuse.compare(model("trained_cnn"), fused, external_data=tmp_path)


def test_a_model_in_memory_asks_for_its_external_data(tmp_path):
    data, _ = external(tmp_path)
    with pytest.raises(bnfuse.InvalidModelError, match="external_data=FOLDER"):
        bnfuse.fuse(data)


def test_what_a_callback_raises_comes_through(tmp_path):
    data, _ = external(tmp_path)

    def broken(location):
        raise KeyError(location)

    with pytest.raises(KeyError, match="w.bin"):
        bnfuse.fuse(data, external_data=broken)
    with pytest.raises(TypeError, match="unicode"):
        bnfuse.fuse(data, external_data=lambda location: "no bytes")

    def stop(done):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bnfuse.fuse(model("trained_cnn"), progress=stop)


def test_progress_is_told_and_can_stop():
    told = []
    bnfuse.fuse(model("trained_cnn"), progress=told.append)
    assert told and all(0 <= done <= 1 for done in told)
    with pytest.raises(bnfuse.CancelledError):
        bnfuse.fuse(model("trained_cnn"), progress=lambda done: False)


def test_dims_shapes_and_data_of_the_check():
    x = numpy.ones((2, 3, 6, 7), numpy.float32)
    assert bnfuse.fuse_and_report(model("conv_bn_relu"), inputs={"x": x})[2].inputs.startswith("x float32 [2, 3, 6, 7]")
    named = bnfuse.fuse_and_report(model("trained_cnn"), dims={"batch": 3})[2]
    assert named.inputs == "images float32 [3, 1, 20, 20]"
    shaped = bnfuse.fuse_and_report(model("trained_cnn"), shapes={"images": [4, 1, 20, 20]}, seed=7)[2]
    assert shaped.inputs == "images float32 [4, 1, 20, 20]"


def test_affines_without_a_norm_are_counted():
    report = bnfuse.explain(model("affines_without_batchnorm"))
    assert report.affine_chains_folded == 2 and report.affines_folded >= 2 and not report.affines_left
    kept = bnfuse.explain(model("attention_written_out"))
    assert kept.affine_chains_folded == 0 and kept.affines_left == {"BNF113": 1, "BNF121": 4, "BNF123": 6}


def test_a_named_size_decides_what_is_less_work():
    """The shift is left over at two places, three times; the BatchNormalization is at H."""
    onnx = pytest.importorskip("onnx")
    numpy_helper = pytest.importorskip("onnx.numpy_helper")
    helper, real = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("BatchNormalization", list("rsbmv"), ["y"]),
             helper.make_node("Transpose", ["y"], ["q"], perm=[0, 2, 1]), helper.make_node("Gather", ["q", "i"], ["g"], axis=1)]
    constants = {"i": numpy.array([0, 1])} | {name: numpy.array([1, 0.5, 2], numpy.float32) for name in "sbmv"}
    for i in range(3):
        constants[f"w{i}"] = numpy.ones((3, 40), numpy.float32)
        nodes.append(helper.make_node("MatMul", ["g", f"w{i}"], [f"z{i}"]))
    graph = helper.make_graph(
        nodes, "by_height", [helper.make_tensor_value_info("x", real, ["N", 3, "H"])],
        [helper.make_tensor_value_info(f"z{i}", real, ["N", 2, 40]) for i in range(3)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    assert bnfuse.explain(proto).left == 1
    assert bnfuse.explain(proto, dims={"H": 1000}).left == 0
    assert bnfuse.fuse_and_report(proto, dims={"H": 50})[1].left == 0


def test_what_is_public_is_documented_and_has_types():
    for name in bnfuse.__all__:
        thing = getattr(bnfuse, name)
        if not callable(thing):
            continue
        assert inspect.getdoc(thing), name
        if inspect.isfunction(thing):
            hints = typing.get_type_hints(thing)
            assert set(inspect.signature(thing).parameters) | {"return"} == set(hints), name


def test_the_module_is_the_program():
    environment = dict(os.environ, BNFUSE_PROGRAM=str(PROGRAM), PYTHONPATH=os.pathsep.join(sys.path))
    said = subprocess.run([sys.executable, "-m", "bnfuse", "--version"], env=environment, capture_output=True, text=True)
    assert said.returncode == 0
    assert said.stdout == f"bnfuse {bnfuse.__version__}\n"
    broken = subprocess.run([sys.executable, "-m", "bnfuse", "no-such-file"], env=environment, capture_output=True, text=True)
    assert broken.returncode == 2 and broken.stderr.startswith("bnfuse: no-such-file")
