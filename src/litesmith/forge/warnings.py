"""What the user should know although a file was made. Nothing bad is passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.forge.options import ExportOptions
from litesmith.graph.step import Notice
from litesmith.measure import Fidelity
from litesmith.quantize import find_scheme
from litesmith.report import Report, Score

_LOW_AGREEMENT = 0.95
_LOW_SQNR_DB = 15.0
_LARGE_DROP = 0.01  # a point
_LARGE_PART = 0.05
_SLOWER = 1.1
_EIGHT = 8
_TRAIN = "--train auto teaches the quantized graph on --data what the float one answers."
_RANK = "--explain ranks what ops cost; --float-ops PATTERN keeps them in float."
_WIDE = "--quantize int16x8 has finer activations."
_APART = "`litesmith compare SOURCE FILE --per-layer` shows where they part ways."
# What helps against a large loss, besides training and a budget, by the bits of the weights.
_FEW = "--bits PATTERN=8 gives ops their bits back."


def of_fidelity(exact: Fidelity, final: Fidelity) -> Iterator[Notice]:
    """Warn when a comparison proves little."""
    if not final.varies:
        same = all(output.indices for output in final.outputs)
        yield Notice(
            "constant_output",
            "The original chooses the same for every example, so agreement with it proves little."
            if same
            else "The original answers every example alike, so agreement with it proves nothing.",
            "Give real, varied examples with --data, and check --preprocess.",
        )
    if exact.non_finite:
        yield Notice(
            "non_finite",
            f"{exact.non_finite} output values are NaN or infinite on these examples.",
            "Give real examples with --data.",
        )


def after(report: Report, options: ExportOptions, scheme: str) -> Iterator[Notice]:
    """Warn of what the numbers of a finished run say."""
    parity, score, latency = report.parity, report.score, report.latency_ms
    if parity is not None and parity.synthetic:
        yield Notice(
            "synthetic",
            "Agreement was measured on generated inputs, which says little about real ones.",
            "Pass --data SPEC (typical inputs, no labels needed).",
        )
    if parity is not None and not parity.synthetic and score is None:
        if parity.top1_agreement is not None and parity.top1_agreement < _LOW_AGREEMENT:
            yield Notice(
                "low_agreement",
                f"The file gives another top answer than the original for "
                f"{1 - parity.top1_agreement:.1%} of {parity.examples} examples.",
                _way(report, scheme),
            )
        elif parity.top1_agreement is None and (parity.sqnr_db or 0.0) < _LOW_SQNR_DB:
            yield Notice(
                "low_sqnr",
                f"The error is only {parity.sqnr_db:.1f} dB below the signal.",
                _way(report, scheme),
            )
    if score is not None and options.max_drop is None:
        limited = options.max_size is not None or options.max_latency is not None
        repairs = find_scheme(scheme).integer and not limited
        yield from _large_drop(score, repairs, _ways(report, scheme))
    if report.target is not None and report.target.proof == "rules":
        yield Notice(
            "not_run_there",
            f"The file was run on this machine's CPU, not on {report.target.name}.",
            "Compile or run it with that target's own tools before you rely on it.",
        )
    if latency is not None and latency.artifact > _SLOWER * latency.float_tflite:
        yield Notice(
            "slower",
            f"The file takes {latency.artifact / latency.float_tflite:.1f} times as long as the "
            "float .tflite on this machine.",
            f"--quantize {scheme} saves bytes here, not time.",
        )


def _trainable(report: Report, scheme: str) -> bool:
    """True where training was not tried and recovers most of what is lost."""
    bits, integer = find_scheme(scheme).bits, find_scheme(scheme).integer
    return (integer or bits < _EIGHT) and not any(step.training for step in report.steps)


def _way(report: Report, scheme: str) -> str:
    """Return what to do about answers that are others than the original's."""
    check = "Check that --data and --preprocess are what the model was trained on."
    return f"{check} {_ways(report, scheme)}"


def _ways(report: Report, scheme: str) -> str:
    """Return the options of a scheme that answer nearer to the original."""
    own = find_scheme(scheme)
    train = [_TRAIN] if _trainable(report, scheme) else []
    if own.bits < _EIGHT:
        return " ".join((*train, _FEW))
    if own.integer:
        return " ".join((*train, _RANK, *([_WIDE] if own.bits == _EIGHT else [])))
    return _APART if own.bits > _EIGHT else "--float-ops PATTERN keeps ops in float. " + _APART


def _large_drop(score: Score, repairs: bool, way: str) -> Iterator[Notice]:
    """Warn of more than a point, or of a twentieth of a score that is no fraction."""
    points = score.unit == "fraction"
    if score.drop <= (_LARGE_DROP if points else _LARGE_PART * abs(score.source)):
        return
    worse = (
        f"drops by {score.drop * 100:.1f} points"
        if points
        else f"gets worse by {score.drop:.3g}, from {score.source:.3g} to {score.artifact:.3g},"
    )
    yield Notice(
        "score_drop",
        f"{score.metric} {worse} on {score.examples} examples.",
        f"Set --max-drop, and the ops that cost most get more bits. {way}".strip()
        if repairs
        else f"Set --max-drop to make this an error. {way}".strip(),
    )
