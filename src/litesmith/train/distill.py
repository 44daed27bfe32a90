"""Teach a quantized graph what the float graph answers, on examples without labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from litesmith.graph import Array, Graph
from litesmith.train.nouns import DEFAULTS, Progress, Settings, State, Trained, never, quiet

Inputs = Array | Sequence[Array] | Mapping[str, Array]


def distill(
    teacher: Graph,
    student: Graph,
    examples: Inputs,
    settings: Settings = DEFAULTS,
    on_progress: Callable[[Progress], None] = quiet,
    should_stop: Callable[[], bool] = never,
    resume: State | None = None,
) -> Trained:
    """Train the student's weights, biases and scales until it answers as the teacher does.

    Args:
        teacher: float graph.
        student: the same graph annotated (`quantize.annotate`): what ships.
        examples: (n, *input shape) without the graph's leading 1: one array, one per input in the
            graph's order, or input name → array; real values as the float graph reads them.
        settings: how.
        on_progress: called after every look at the held-out examples, some twenty times.
        should_stop: asked before every step; True keeps the best so far.
        resume: what an earlier call with the same arguments had reached.

    Returns:
        the student with trained constants; never one that is worse on the held-out examples.

    Raises:
        InputError: examples or a state that do not fit.
    """
    from litesmith.train.examples import as_inputs
    from litesmith.train.reasons import reason_against

    arrays = as_inputs(student, examples)
    why = reason_against(teacher, student, arrays, settings)
    if why is not None:
        return Trained(student, False, why)
    from litesmith.train.run import Run

    run = Run(teacher, student, arrays, settings, on_progress, should_stop)
    return run.done(resume)
