"""What a run found, and how it is shown: pure functions of results.

`model.py` holds the nouns, `document.py` turns them into JSON, `console.py` into tables. Add here:
another way of showing a result (HTML), or a field of a noun (extend the JSON, never rename).
"""

from litesmith.report.model import (
    Artifact,
    BenchReport,
    BenchRow,
    CheckReport,
    CompareReport,
    FailureReport,
    FloatFile,
    FloatOp,
    KernelRow,
    KernelsReport,
    Latency,
    Machine,
    OpCost,
    OutputParity,
    Parity,
    Port,
    Report,
    Score,
    SourceFacts,
    StepFacts,
    TargetFacts,
    TensorFacts,
    Warn,
)

__all__ = [
    "Artifact",
    "BenchReport",
    "BenchRow",
    "CheckReport",
    "CompareReport",
    "FailureReport",
    "FloatFile",
    "FloatOp",
    "KernelRow",
    "KernelsReport",
    "Latency",
    "Machine",
    "OpCost",
    "OutputParity",
    "Parity",
    "Port",
    "Report",
    "Score",
    "SourceFacts",
    "StepFacts",
    "TargetFacts",
    "TensorFacts",
    "Warn",
]
