"""Which form of an LSTM is faster on the CPU: a loop, or the fused op.

Source: benchmarks/lstm_forms.py; LiteRT 2.3 with XNNPACK, x86-64 with AVX-512, one thread, float32,
batch 1; units 16 to 256, 10 to 200 steps, 16 to 128 features, all steps or the last one needed:
240 cases, processor time, interleaved, medians of 21. Least squares of relative errors, median
error 5 %. Choosing by these formulas costs 0.4 % on average (26 % at worst) against the better form
of each case; always looping costs 10 % (132 %), always fusing 42 % (185 %).
The fused kernel multiplies four matrices of each kind one by one; the loop multiplies all of W at
once before it starts and R at once per step, but pays for a call per step and, when every step is
needed, for a copy of all of them per step.
"""

from __future__ import annotations

from litesmith.rewrite.lstm_layer import Lstm

# A form is not changed for less than this; it is the noise of the formulas.
_WORTH = 1.1


def fused_us(lstm: Lstm) -> float:
    """Return the estimated microseconds of UNIDIRECTIONAL_SEQUENCE_LSTM."""
    u, f = lstm.units, lstm.features
    return 1.7 + lstm.steps * lstm.batch * (0.40 + 0.0090 * u + 0.000295 * u * (f + u))


def loop_us(lstm: Lstm, every: bool) -> float:
    """Return the estimated microseconds of the loop that `unfuse_lstm` writes.

    Args:
        lstm: the layer.
        every: h of every step is needed, not of the last one alone.
    """
    u, f, b, t = lstm.units, lstm.features, lstm.batch, lstm.steps
    copies = t * (0.31 + 0.000181 * t * u * b) if every else 0.0
    return 5.6 + t * (0.72 + b * (0.000218 * u * u - 0.0029 * u + 0.000096 * u * f)) + copies


def better_fused(lstm: Lstm, every: bool) -> bool:
    """Return whether it pays to fuse a loop."""
    return fused_us(lstm) * _WORTH < loop_us(lstm, every)


def better_looped(lstm: Lstm, every: bool) -> bool:
    """Return whether it pays to write the fused op as a loop."""
    return loop_us(lstm, every) * _WORTH < fused_us(lstm)


def stays_loop(lstm: Lstm, every: bool) -> bool:
    """Return whether a loop is better left one."""
    return not better_fused(lstm, every)


def always(lstm: Lstm, every: bool) -> bool:
    """Return True: for targets that need one form."""
    return True


def never(lstm: Lstm, every: bool) -> bool:
    """Return False: for targets that need the other form."""
    return False
