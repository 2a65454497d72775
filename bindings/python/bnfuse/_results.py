# SPDX-License-Identifier: Apache-2.0
"""What the library reports, copied out of its structs."""

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple

from ._library import ffi, lib


def text(pointer) -> str:
    """A string of the library; names may hold any bytes."""
    return ffi.string(pointer).decode("utf-8", "backslashreplace") if pointer != ffi.NULL else ""


@dataclass(frozen=True)
class Remark:
    """One BatchNormalization of the model as it was loaded."""

    node: str
    output: str
    scope: str
    outcome: str
    """"folded", "merged", "removed", "lowered" or "stays"."""
    code: Optional[str]
    """Why it stays, as "BNF106"; docs/reasons.md has them all."""
    reason: str
    help: str
    """What would help, if anything."""
    where: str
    detail: str
    path: str

    def __str__(self) -> str:
        if self.outcome != "stays":
            return f"{self.node}  {self.outcome}" + (f" into {self.where}" if self.where else "")
        return f"{self.node}  stays  {self.code}: {self.reason}" + (f" ({self.where})" if self.where else "")


@dataclass(frozen=True)
class Rewrite:
    """What ``simplify`` changed; docs/simplify.md has the rules."""

    rule: str
    node: str
    op: str
    scope: str
    where: str
    """What stands for it now."""


@dataclass(frozen=True)
class Report:
    """What fusing did, or (from explain) would do."""

    remarks: List[Remark]
    folded: int
    left: int
    operators: Dict[str, Tuple[int, int]]
    """Counts before and after, by operator."""
    nodes: Tuple[int, int]
    parameters: Tuple[int, int]
    bytes: Tuple[int, int]
    multiply_adds_saved: int
    notes: List[str]
    rewrites: List[Rewrite] = field(default_factory=list)
    grown: int = 0
    """Bytes of weights that were shared or computed, and are stored now."""
    affine_chains_folded: int = 0
    """Chains of Mul, Add, Sub, Div and Neg by constants that went without a BatchNormalization."""
    affines_folded: int = 0
    affines_left: Dict[str, int] = field(default_factory=dict)
    """How many stay, by code."""

    def __str__(self) -> str:
        return "\n".join([str(remark) for remark in self.remarks]
                         + [f"{self.folded} of {len(self.remarks)} BatchNormalizations gone, {self.left} left"])


@dataclass(frozen=True)
class Check:
    """Whether two models compute the same."""

    verdict: str
    status: int
    """0 where they agree; the program's exit status."""
    why: str
    first_divergent: Optional[str]
    worst_site: float
    """The largest relative difference of a changed place in float64."""
    sites: int
    sites_checked: int
    outputs: Dict[str, float] = field(default_factory=dict)
    """The largest relative difference of each output in the models' own types."""
    inputs: str = ""

    def __bool__(self) -> bool:
        return self.status == 0


def read_report(report) -> Report:
    remarks = []
    for i in range(report.remark_count):
        remark = report.remarks[i]
        remarks.append(Remark(
            text(remark.node), text(remark.output), text(remark.scope), text(lib.bnfuse_outcome_text(remark.outcome)),
            f"BNF{remark.code}" if remark.code else None, text(remark.reason), text(remark.help), text(remark.where),
            text(remark.detail), text(remark.path)))
    ops = [report.ops[i] for i in range(report.op_count)]
    return Report(
        remarks, report.folded, report.left, {text(op.op): (op.before, op.after) for op in ops},
        (report.before.nodes, report.after.nodes), (report.before.parameters, report.after.parameters),
        (report.before.bytes, report.after.bytes), report.multiply_adds_saved,
        [text(report.notes[i]) for i in range(report.note_count)],
        [Rewrite(text(each.rule), text(each.node), text(each.op), text(each.scope), text(each.where))
         for each in (report.rewrites[i] for i in range(report.rewrite_count))],
        report.grown, report.affine_chains_folded, report.affines_folded,
        {f"BNF{left.code}": left.count for left in (report.affines_left[i] for i in range(report.affines_left_count))})


def read_check(result) -> Check:
    outputs = [result.outputs[i] for i in range(result.output_count)]
    return Check(
        text(lib.bnfuse_verdict_text(result.verdict)), int(lib.bnfuse_verdict_status(result.verdict)), text(result.why),
        text(result.first_divergent) or None, result.worst_site, result.site_count, result.sites_checked,
        {text(output.name): output.deployment.relative for output in outputs}, text(result.inputs))
