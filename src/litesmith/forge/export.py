"""The main job: source → float graph → steps → a file that was proved against the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from litesmith import graph as graphs
from litesmith.data import Examples, Labelled
from litesmith.errors import BudgetError, ConversionError, InputError, LitesmithError
from litesmith.forge import budget, flex, limits, lint, obey, prove, siblings, warnings
from litesmith.forge.artifact import write_files
from litesmith.forge.c_array import c_array_files
from litesmith.forge.carried import load_examples, load_labelled, notice
from litesmith.forge.described import described
from litesmith.forge.ends import answer_names, data_preprocess, fed, refuse_types, renamed
from litesmith.forge.facts import artifact_facts, source_facts
from litesmith.forge.fit import fitted
from litesmith.forge.keeper import Keeper, keeper_of
from litesmith.forge.ledger import Ledger
from litesmith.forge.machine import this_machine
from litesmith.forge.open_dimensions import check_open
from litesmith.forge.options import ExportOptions, Listener
from litesmith.forge.original import Original
from litesmith.forge.plan import Plan, load_options, make_plan
from litesmith.forge.quantized import quantized_weights
from litesmith.forge.repair import repaired
from litesmith.forge.steps import apply, lead, split
from litesmith.forge.synthetic import generate, raw_notices
from litesmith.forge.train import Lesson
from litesmith.forge.train_plan import untrained_notices
from litesmith.forge.variants import Job, explained
from litesmith.graph import Graph
from litesmith.graph.step import Notice
from litesmith.measure import measure_size
from litesmith.quantize import find_scheme
from litesmith.recipe import write_recipe
from litesmith.report import FloatFile, Latency, Report, TargetFacts
from litesmith.report.version import __version__
from litesmith.runtime import Session
from litesmith.sources import FileSession, Source, SourceInfo, open_source
from litesmith.train.step import Train

_FLOAT_TOLERANCE = 1e-3
_LONGER_S = 3.0  # of timing where a limit depends on it


@dataclass(frozen=True)
class _Built:
    """The float file and the one that ships (the same object when nothing was changed)."""

    float_model: bytes
    model: bytes
    float_graph: Graph
    graph: Graph
    float_session: FileSession
    session: FileSession


@dataclass(frozen=True)
class _Given:
    """What the user gave to prove with."""

    examples: Examples | None
    labelled: Labelled | None
    taught: Labelled | None = None  # the examples with labels, for a loss


def run(source: Any, output: str | Path, options: ExportOptions, listen: Listener) -> Report:
    """Export a model; an error carries the report of what was known (`report`).

    Raises:
        LitesmithError: any of its kinds; `output` is untouched then.
    """
    ledger = Ledger(Report(__version__))
    try:
        return _run(source, output, options, listen, ledger)
    except LitesmithError as error:
        ledger.attach(error)
        raise


def _run(
    source: Any, output: str | Path, options: ExportOptions, listen: Listener, ledger: Ledger
) -> Report:
    plan = make_plan(source, output, options)
    keeper = keeper_of(plan.output, plan.options) if plan.trains else None
    ledger.warn(untrained_notices(plan.steps))
    loading = load_options(plan.options.loading, lambda line: None)
    with open_source(source, loading) as opened:
        listen("load", None)
        ledger.note(source=source_facts(opened.info))
        original = fed(plan.steps, opened)
        refuse_types(plan.steps, original)
        given = _given(plan, original, ledger)
        if opened.info.format != "tflite":
            listen("convert", None)
        float_model = opened.lower()
        graph = graphs.read(float_model)
        _decline_quantized(graph, opened.info)
        flex.refuse_int8(graph, plan.scheme)
        leading, rest = split(plan.steps)
        exact, original = lead(leading, graph, original, ledger)
        obey.before_calibration(exact, plan.target, plan.scheme)
        examples = given.examples
        if examples is None:
            examples = generate(exact, prove.PARITY_EXAMPLES, plan.seed, original.inputs)
            ledger.warn(raw_notices(original.inputs))
        larger = original.source.info.outputs if original.read else ()
        reference = prove.Reference(original.model, examples, exact, larger)
        ledger.warn(_lint(plan, original, given, graph, exact))
        lesson = _lesson(plan, given, keeper, listen)
        shipped = apply(rest, exact, given.examples, listen, ledger, lesson)
        named = renamed(exact, plan.steps)
        if named is not graph:
            float_model = graphs.write(named)

        def proved(result: Graph) -> _Built:
            result = described(result, ledger)
            ledger.warn(obey.shipped(result, plan.target))
            built = _load(float_model, named, result, opened)
            _prove(plan, original, given, reference, built, listen, ledger)
            return built

        built = proved(shipped)

        def timed(candidate: _Built) -> Latency | None:
            return _latency(candidate, next(reference.pairs())[0])

        def judge() -> budget.Verdict | None:
            return limits.judge(plan, ledger.report)

        job = Job(rest, exact, given.examples, proved, judge, listen, ledger, lesson, timed)
        most = limits.limits_of(plan, ledger.report)
        # A file that was made to fit stays: more bits would undo it.
        built, rest = fitted(job, built, most) if most else repaired(job, built)
        plan = replace(plan, steps=(*leading, *rest))
        if plan.options.explain:
            explained(job)
    # The child is gone, so that nothing disturbs the clock.
    listen("measure", None)
    seconds = prove.LATENCY_BUDGET_S if plan.max_latency is None else _LONGER_S
    latency = _latency(built, next(reference.pairs())[0], seconds)
    ledger.note(latency_ms=latency, machine=this_machine())
    ledger.warn(warnings.after(ledger.report, plan.options, plan.scheme))
    _write(plan, built, ledger)
    if keeper is not None and not job.interrupted:
        keeper.discard()
    return ledger.finish()


def _given(plan: Plan, original: Original, ledger: Ledger) -> _Given:
    options = plan.options
    examples = labelled = None
    carried = False
    preprocess = data_preprocess(plan.steps, original.source, options.preprocess)
    if options.data is not None:
        examples, carried = load_examples(options.data, original, preprocess)
    if options.eval is not None:
        labelled, also = load_labelled(options.eval, original, preprocess)
        carried = carried or also
    taught = None
    if any(isinstance(step, Train) and step.loss for step in plan.steps):
        taught = _with_labels(options.data, original, preprocess)
    if carried:
        ledger.warn((notice(original.source),))
    return _Given(examples, labelled, taught)


def _with_labels(data: Any, original: Original, preprocess: tuple[str, ...]) -> Labelled:
    try:
        return load_labelled(data, original, preprocess)[0]
    except InputError as error:
        raise InputError(
            f"--loss needs labels beside the examples of --data: {error.message}",
            error.hint or "Leave out --loss: the float model teaches without labels.",
        ) from error


def _lesson(plan: Plan, given: _Given, keeper: Keeper | None, listen: Listener) -> Lesson | None:
    """Return how the graph is trained, None when it is not."""
    step = next((s for s in plan.steps if isinstance(s, Train)), None)
    if step is None or given.examples is None:
        return None
    asked = plan.options.train is not None
    return Lesson(step, given.examples, given.taught, asked, keeper, listen)


def _lint(
    plan: Plan, original: Original, given: _Given, raw: Graph, exact: Graph
) -> tuple[Notice, ...]:
    if given.examples is None:
        return ()
    options = plan.options
    preprocess = data_preprocess(plan.steps, original.source, options.preprocess)
    found = lint.Given(given.examples, options.data, preprocess, given.labelled)
    return lint.run(raw, exact, found, integer=find_scheme(plan.scheme).needs_data)


def _decline_quantized(graph: Graph, info: SourceInfo) -> None:
    found = quantized_weights(graph)
    if found:
        raise ConversionError(
            f"{info.path} is already quantized ({', '.join(found)}), and quantizing it again would "
            "lose more.",
            "Export the model it was made from. `check`, `compare` and `bench` take this file.",
        )


def _load(float_model: bytes, float_graph: Graph, graph: Graph, opened: Source) -> _Built:
    float_session = flex.session_of(float_model, float_graph, opened)
    if graph is float_graph:
        return _Built(float_model, float_model, graph, graph, float_session, float_session)
    model = graphs.write(graph)
    session = flex.session_of(model, graph, opened)
    return _Built(float_model, model, float_graph, graph, float_session, session)


def _prove(
    plan: Plan,
    original: Original,
    given: _Given,
    reference: prove.Reference,
    built: _Built,
    listen: Listener,
    ledger: Ledger,
) -> None:
    listen("verify", None)
    same = built.session is built.float_session
    runs = [built.float_session.run] if same else [built.float_session.run, built.session.run]
    exact, *rest = reference.fidelity(
        answer_names(original, plan.steps),
        *runs,
        compared=original.compared,
        holds=[spec.holds for spec in original.answers],
    )
    final = rest[0] if rest else exact
    _check_float(exact, given.examples is None)
    if isinstance(built.float_session, Session) and isinstance(built.session, Session):
        check_open(built.float_session, built.session, next(reference.pairs())[0])
    parity = prove.parity(exact, final, synthetic=given.examples is None)
    for first, second in siblings.fidelities(
        original.source, built.float_graph, built.graph, plan.seed
    ):
        _check_float(first, synthetic=True)
        parity = siblings.with_sibling(parity, prove.parity(first, second, synthetic=True))
    ledger.note(
        parity=parity,
        artifact=artifact_facts(
            str(plan.output), built.model, built.graph, built.session, original.inputs
        ),
        float_tflite=_float_file(plan, built.float_model),
        target=TargetFacts(plan.target.name, True, plan.target.proof, plan.target.table.version),
    )
    ledger.warn(warnings.of_fidelity(exact, final))
    ledger.warn(flex.notices(built.graph))
    if given.labelled is not None:
        size = prove.batch_size(prove.example_bytes(built.graph, original.source.info.outputs))
        ledger.note(
            score=prove.score(
                original,
                built.float_session,
                built.session,
                given.labelled,
                plan.options.metric,
                size,
            )
        )


def _check_float(exact: Any, synthetic: bool) -> None:
    """Refuse a float file that does not compute what the source computes.

    Generated inputs may drive a model to NaN; that alone proves nothing.
    """
    worst = max(exact.outputs, key=lambda output: output.relative_error)
    if worst.relative_error <= _FLOAT_TOLERANCE or (synthetic and exact.non_finite):
        return
    raise ConversionError(
        f"The float .tflite does not compute what the source does: output '{worst.name}' is off by "
        f"{worst.relative_error:.2g} of its largest value (allowed: {_FLOAT_TOLERANCE:g}).",
        "A layer may be random or keep state between calls; export the inference model. If it is "
        "neither, find the rewrite that breaks it with --explain and --no-rewrite, and report it.",
    )


def _float_file(plan: Plan, model: bytes) -> FloatFile:
    size = measure_size(model)
    path = plan.extras.get("--save-float")
    return FloatFile(None if path is None else str(path), size.raw_bytes, size.gzip_bytes)


def _latency(
    built: _Built, batch: Sequence[Any], seconds: float = prove.LATENCY_BUDGET_S
) -> Latency | None:
    if not isinstance(built.session, Session) or not isinstance(built.float_session, Session):
        return None
    example = [x[:1] for x in batch]
    files = {"artifact": (built.session, example)}
    if built.session is not built.float_session:
        files["float"] = (built.float_session, example)
    found = prove.latencies(files, seconds)
    artifact, exact = found["artifact"], found.get("float", found["artifact"])
    return Latency(
        float_tflite=exact.value,
        artifact=artifact.value,
        runs=min(artifact.n, exact.n),
        threads=1,
        float_tflite_spread=exact.spread,
        artifact_spread=artifact.spread,
    )


def _write(plan: Plan, built: _Built, ledger: Ledger) -> None:
    """Write all files at once; a missed budget writes the rejected file instead.

    Raises:
        BudgetError: the budget was missed.
        InputError: the files cannot be written; nothing is.
    """
    report = ledger.report
    missed = limits.missed(plan, report)
    if missed and report.artifact is not None:
        write_files({plan.rejected: built.model})
        ledger.note(artifact=replace(report.artifact, path=str(plan.rejected)))
        raise BudgetError(
            missed,
            f"The file was kept as {plan.rejected}; {plan.output} was not written. "
            + limits.way_on(plan, missed),
        )
    files = {plan.output: built.model}
    if "--save-float" in plan.extras:
        files[plan.extras["--save-float"]] = built.float_model
    if "--c-array" in plan.extras:
        files |= c_array_files(plan.extras["--c-array"], built.model, built.graph)
    if "--save-recipe" in plan.extras:
        text = write_recipe(plan.recipe(), f"litesmith {__version__}")
        files[plan.extras["--save-recipe"]] = text.encode()
    write_files(files)
