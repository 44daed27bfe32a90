"""Results as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from litesmith.report import formats as fmt
from litesmith.report.described import metadata_rows
from litesmith.report.findings import findings_list
from litesmith.report.layers import layers_table
from litesmith.report.losses import LARGE, large_losses, sensitivity_table
from litesmith.report.model import (
    BenchReport,
    CheckReport,
    CompareReport,
    FloatOp,
    Machine,
    Parity,
    Report,
    Score,
    SourceFacts,
    TargetFacts,
    TensorFacts,
    Warn,
)
from litesmith.report.training import training_line, training_of


def export_table(report: Report) -> RenderableType:
    """Return original, float file and artifact side by side, what it rests on, warnings, path."""
    table = _table("model", *_export_columns(report))
    for row in _export_rows(report):
        table.add_row(*row)
    parts: list[RenderableType] = [Text(), *large_losses(report.warnings), table, *_basis(report)]
    if any(one.chosen_bits is not None for one in report.sensitivity):
        parts += sensitivity_table(report)
    if report.source is not None:
        parts += [Text(f"About the source: {line}") for line in report.source.repairs]
    parts += _warnings(one for one in report.warnings if one.code not in LARGE)
    artifact = report.artifact
    if artifact is not None:
        ends = f"{_ports(artifact.inputs)} → {_ports(artifact.outputs)}"
        integer = "no float ops" if artifact.float_ops == 0 else f"{artifact.float_ops} float ops"
        kinds = f"{sum(artifact.ops.values())} ops, {integer}"
        parts += [
            Text(),
            Text.assemble(("✓ ", "bold green"), (artifact.path, "bold"), f"  {ends}  ({kinds})"),
            *(Text(f"  {p.name} is fed {p.feeds}") for p in artifact.inputs if p.feeds),
        ]
    return Group(*parts)


def explained_table(report: Report) -> RenderableType:
    """Return the table of `export`, then what each step did and what it left undone, and why."""
    lines: list[RenderableType] = []
    for step in report.steps:
        lines.append(Text.assemble((step.name, "bold"), f"  {step.outcome}: {step.why}"))
        lines += [Text(f"  not done: {reason}") for reason in step.explain]
    raised = any(one.chosen_bits is not None for one in report.sensitivity)
    ranked = [] if raised else sensitivity_table(report)
    return Group(export_table(report), *ranked, Text(), *lines)


def demo_table(report: Report) -> RenderableType:
    """Return the table of `export`, and what to do next."""
    path = report.artifact.path if report.artifact else "digits.tflite"
    steps = (
        f"litesmith bench {path}",
        "litesmith check YOUR_MODEL",
        "litesmith export YOUR_MODEL -o model.tflite --data YOUR_IMAGES/",
    )
    lines = [Text(f"  {step}", "cyan") for step in steps]
    return Group(export_table(report), Text(), Text("Next:", "bold"), *lines)


def check_table(report: CheckReport) -> RenderableType:
    """Return what was loaded, its ops, and what int8 or a target would make of it."""
    facts = _facts()
    if report.source is not None:
        for name, value in _source_rows(report.source):
            facts.add_row(name, value)
    facts.add_row("ops", _counts(report.ops))
    facts.add_row("weights", _bits(report.weights_bits))
    for name, value in metadata_rows(report.metadata):
        facts.add_row(name, value)
    if report.float_tflite_bytes is not None:
        facts.add_row("float .tflite", fmt.size(report.float_tflite_bytes))
    if report.float_ops_in_int8 is None:
        facts.add_row("quantized", f"already; {report.float_ops} ops compute in float")
    else:
        facts.add_row("int8", _left(report.float_ops_in_int8))
    if report.target is not None:
        facts.add_row(f"target {report.target.name}", "\n".join(_target(report, report.target)))
    return Group(Text(), facts, *findings_list(report), *_warnings(report.warnings))


def compare_table(report: CompareReport) -> RenderableType:
    """Return how close B's outputs are to A's, per output."""
    table = _table("output", "max |error|", "relative", "cosine", "SQNR", "top-1 agreement")
    parity = report.parity
    for one in parity.outputs if parity else ():
        table.add_row(
            one.name,
            fmt.NONE if one.indices else fmt.small(one.max_abs_error),
            fmt.NONE if one.indices else fmt.small(one.relative_error),
            fmt.NONE if one.indices else fmt.decimal(one.cosine, 6),
            fmt.NONE if one.indices else fmt.decimal(one.sqnr_db, 1, " dB"),
            fmt.percent(one.top1_agreement),
        )
    lines = [Text(f"{name}  {_source_line(s)}") for name, s in (("A", report.a), ("B", report.b))]
    basis = [Text(_examples(parity), "dim")] if parity else []
    found = layers_table(report)
    return Group(Text(), *lines, table, *basis, *found, *_warnings(report.warnings))


def bench_table(report: BenchReport) -> RenderableType:
    """Return size and latency per file, each against the first."""
    table = _table("file", "size", "gzip", "latency", "± (IQR)", "speed-up")
    first = report.files[0].latency_ms if report.files else 0.0
    for row in report.files:
        table.add_row(
            row.path,
            fmt.size(row.size_bytes),
            fmt.size(row.size_gzip_bytes),
            fmt.milliseconds(row.latency_ms),
            fmt.milliseconds(row.spread_ms),
            fmt.times(first, row.latency_ms),
        )
    basis = f"latency: median of {report.runs:,} runs or more{_on(report.machine, report.threads)}"
    return Group(Text(), table, Text(basis, "dim"))


def _export_columns(report: Report) -> list[str]:
    score = [report.score.metric] if report.score else []
    parity = report.parity
    agreement = "agreement" if parity and parity.top1_agreement is not None else "SQNR"
    return [*score, agreement, "max error", "size", "gzip", "latency", "speed"]


def _export_rows(report: Report) -> list[list[str]]:
    source, exact, artifact = report.source, report.float_tflite, report.artifact
    score, parity, latency = report.score, report.parity, report.latency_ms
    if source is None or exact is None or artifact is None or parity is None:
        return []
    schemes = [str(s.options.get("scheme")) for s in report.steps if s.name == "quantize"]
    scheme = schemes[0] if schemes else "none"
    trained = training_of(report) is not None
    before = latency.float_tflite if latency else None
    after = latency.artifact if latency else None
    rows = [
        ["original", _score(score.source if score else None, score), fmt.NONE, fmt.NONE,
         fmt.size(source.size_bytes), fmt.NONE, fmt.NONE, fmt.NONE],
        ["float", _score(score.float_tflite if score else None, score),
         _agreement(parity, exact=True), _error(parity, parity.float_max_abs_error),
         fmt.size(exact.size_bytes), fmt.size(exact.size_gzip_bytes),
         fmt.milliseconds(before), fmt.times(before, before)],
        [f"{scheme}, trained" if trained else scheme,
         _score(score.artifact if score else None, score),
         _agreement(parity, exact=False), _error(parity, parity.max_abs_error),
         fmt.size(artifact.size_bytes), fmt.size(artifact.size_gzip_bytes),
         fmt.milliseconds(after), fmt.times(before, after)],
    ]  # fmt: skip
    shown = rows[:2] if scheme == "none" and not trained else rows
    return shown if score else [[row[0], *row[2:]] for row in shown]


def _basis(report: Report) -> list[Text]:
    """Say how many examples and which machine the numbers rest on."""
    lines = []
    score, parity, latency = report.score, report.parity, report.latency_ms
    if score is not None:
        bound = score.drop_bound_95
        sure = "" if bound is None else f", at most {_points(bound, score)} (95 %)"
        lines.append(
            f"{score.metric}: {score.examples:,} labelled examples; "
            f"drop {_points(score.drop, score)}{sure}"
        )
    if parity is not None:
        what = "agreement, error" if parity.top1_agreement is not None else "SQNR, error"
        lines.append(f"{what}: against the original on {_examples(parity)}")
    if latency is not None:
        on = _on(report.machine, latency.threads)
        lines.append(f"latency: median of {latency.runs:,} runs{on}")
    lines += [training_line(report), f"{report.seconds:.1f} s in all"]
    return [Text(line, "dim") for line in lines if line]


def _warnings(warnings: Iterable[Warn]) -> list[RenderableType]:
    found: list[RenderableType] = []
    for warning in warnings:
        line = Text.assemble(("! ", "bold yellow"), warning.message)
        if warning.hint:
            line.append(f" {warning.hint}", "dim")
        found.append(line)
    return [Text(), *found] if found else []


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    for place, name in enumerate(columns):
        table.add_column(name, justify="left" if place == 0 else "right", overflow="fold")
    return table


def _facts() -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _source_rows(source: SourceFacts) -> Iterable[tuple[str, str]]:
    yield "model", source.path or "in memory"
    version = f", saved by Keras {source.keras_version}" if source.keras_version else ""
    yield "loaded by", f"{source.loader} ({source.format}{version})"
    if source.repairs:
        yield "notes", "\n".join(source.repairs)
    yield "size", fmt.size(source.size_bytes)
    yield "inputs", "\n".join(map(_tensor, source.inputs))
    yield "outputs", "\n".join(map(_tensor, source.outputs))


def _source_line(source: SourceFacts | None) -> str:
    return fmt.NONE if source is None else f"{source.path or 'in memory'}  ({source.loader})"


def _tensor(tensor: TensorFacts) -> str:
    return f"{tensor.name}  {tensor.dtype}[{', '.join(str(d or '?') for d in tensor.shape)}]"


def _ports(ports: Sequence[Any]) -> str:
    return ", ".join(f"{p.dtype}[{'×'.join(map(str, p.shape))}]" for p in ports)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "none"


def _bits(bits: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} × {width} bit" for width, count in bits.items()) or "none"


def _left(groups: Sequence[FloatOp]) -> str:
    if not groups:
        return "every op runs in integers"
    kinds = (f"{g.count} {g.kind} (at {g.layers[0] if g.layers else '?'})" for g in groups)
    return f"stays float: {', '.join(kinds)}"


def _target(report: CheckReport, target: TargetFacts) -> Iterable[str]:
    """Yield what a target does not run, what it leaves to a slower processor, and why."""
    form = f", supposing {target.supposing}" if target.supposing else ""
    table = f" ({target.table}{form})" if target.table else ""
    if not report.refused and not report.falls_back:
        yield f"has no objection by its table{table}; it was not run there"
        return
    if report.refused:
        yield f"refuses this model{table}"
    else:
        yield f"runs this model in part; the rest falls back{table}"
    for what, groups in (("cannot run", report.refused), ("falls back", report.falls_back)):
        for one in groups:
            at = f" (at {one.layers[0]})" if one.layers else ""
            why = " ".join(filter(None, (one.reason, one.hint)))
            yield f"{what}: {one.count} {one.kind}{at}{f': {why}' if why else ''}"


def _agreement(parity: Parity, exact: bool) -> str:
    value = parity.float_top1_agreement if exact else parity.top1_agreement
    if value is not None:
        return fmt.percent(value)
    return fmt.NONE if exact else fmt.decimal(parity.sqnr_db, 1, " dB")


def _error(parity: Parity, value: float | None) -> str:
    """Return an error, or nothing where every output holds indices."""
    only_indices = bool(parity.outputs) and all(one.indices for one in parity.outputs)
    return fmt.NONE if only_indices else fmt.small(value)


def _examples(parity: Parity) -> str:
    kind = "generated inputs" if parity.synthetic else "real examples"
    return f"{parity.examples:,} {kind}"


def _on(machine: Machine | None, threads: int) -> str:
    plural = "" if threads == 1 else "s"
    where = f" of {machine.processor}, LiteRT {machine.litert}" if machine else ""
    return f", {threads} thread{plural}{where}"


def _score(value: float | None, score: Score | None) -> str:
    if value is None or score is None:
        return fmt.NONE
    return fmt.percent(value, 2) if score.unit == "fraction" else f"{value:.4g}"


def _points(value: float, score: Score) -> str:
    if score.unit != "fraction":
        return f"{value:.4g}"
    points = f"{value * 100:.2f}"
    return f"{'0.00' if points == '-0.00' else points} points"
