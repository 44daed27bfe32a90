"""Run and time .tflite files with LiteRT alone, independent of litesmith's own measuring."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

LEAST_RUNS, MOST_RUNS = 5, 20_000


def interpreter(model: bytes, threads: int = 1) -> Any:
    """Load a file into an allocated LiteRT interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    loaded = Interpreter(model_content=model, num_threads=threads)
    loaded.allocate_tensors()
    return loaded


def answers(model: bytes, examples: np.ndarray) -> np.ndarray:
    """Answer each example by itself: first output, float32[n, …], integers (de)quantized.

    Args:
        model: the .tflite file's bytes.
        examples: float32[n, …] as the original model wants them.
    """
    runner = interpreter(model)
    (source,), target = runner.get_input_details(), runner.get_output_details()[0]
    outputs = []
    for example in examples:
        runner.reset_all_variables()
        runner.set_tensor(source["index"], _quantize(example[None], source))
        runner.invoke()
        outputs.append(_dequantize(runner.get_tensor(target["index"]), target)[0])
    return np.stack(outputs)


def _quantize(values: np.ndarray, tensor: Mapping[str, Any]) -> np.ndarray:
    scale, zero = tensor["quantization"]
    if not np.issubdtype(tensor["dtype"], np.integer) or not scale:
        return values.astype(tensor["dtype"])
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.round(values / scale) + zero, limits.min, limits.max).astype(tensor["dtype"])


def _dequantize(values: np.ndarray, tensor: Mapping[str, Any]) -> np.ndarray:
    scale, zero = tensor["quantization"]
    if not np.issubdtype(tensor["dtype"], np.integer) or not scale:
        return values.astype(np.float32)
    return ((values.astype(np.float32) - zero) * scale).astype(np.float32)


def latencies(
    files: Mapping[str, bytes],
    budget_s: float = 4.0,
    threads: int = 1,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Time single invocations of several files, interleaved so that noise hits all alike.

    With one thread and `time.process_time` as the clock, other processes do not count.

    Returns:
        By file, milliseconds of each timed invocation; the same number for all.
    """
    rng = np.random.default_rng(seed)
    runners = {name: interpreter(model, threads) for name, model in files.items()}
    for runner in runners.values():
        for tensor in runner.get_input_details():
            values = rng.uniform(0, 1, tensor["shape"])
            runner.set_tensor(tensor["index"], values.astype(tensor["dtype"]))
        for _ in range(5):
            runner.invoke()
    times: dict[str, list[float]] = {name: [] for name in files}
    deadline = time.perf_counter() + budget_s * len(files)
    for turn in range(MOST_RUNS):
        if time.perf_counter() > deadline and turn >= LEAST_RUNS:
            break
        for name, runner in runners.items():
            started = clock()
            runner.invoke()
            times[name].append((clock() - started) * 1e3)
    return times


def bare_inference(model: bytes, examples: np.ndarray, threads: int = 1) -> float:
    """Seconds to set the input and invoke for each of float32[n, …], outputs not even read."""
    runner = interpreter(model, threads)
    index = runner.get_input_details()[0]["index"]
    started = time.perf_counter()
    for example in examples:
        runner.set_tensor(index, example[None])
        runner.invoke()
    return time.perf_counter() - started
