from __future__ import annotations

from dataclasses import replace
from io import StringIO

from rich.console import Console, RenderableType

from litesmith.report import (
    Artifact,
    BenchReport,
    BenchRow,
    CheckReport,
    CompareReport,
    FloatFile,
    FloatOp,
    Latency,
    Machine,
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
from litesmith.report.console import (
    bench_table,
    check_table,
    compare_table,
    demo_table,
    export_table,
)

SOURCE = SourceFacts(
    "m.keras", "keras", "Keras 3.15.1", "3.15.1", 283_558,
    (TensorFacts("image", (None, 8, 8, 1), "float32"),),
    (TensorFacts("digit", (None, 10), "float32"),),
)  # fmt: skip
REPAIR = "The argument 'groups', which changes nothing, was dropped (conv)."
MACHINE = Machine("Some CPU", 2, "Linux x86_64", "2.3.0")
OUTPUT = OutputParity("digit", 1e-7, 0.0039, 0.0039, 0.999999, 49.3, 0.985)
PARITY = Parity(
    200, False, 1e-7, 0.0039, 0.0039, 0.999999, 49.3, 0.985, (OUTPUT,), float_top1_agreement=1.0
)
REPORT = Report(
    "0.1.0",
    status="ok",
    source=SOURCE,
    artifact=Artifact(
        "m.tflite", 58_080, 43_900, "ab",
        (Port("image", (1, 8, 8, 1), "uint8", 0.5, 0),),
        (Port("digit", (1, 10), "float32", None, None),),
        {"CONV_2D": 6, "SOFTMAX": 1}, 0, {"8": 38_064},
    ),
    float_tflite=FloatFile(None, 161_648, 145_191),
    parity=PARITY,
    score=Score("accuracy", 597, 0.9866, 0.9832, 0.0034, 0.0072, 0.9866, "fraction"),
    latency_ms=Latency(0.04, 0.01, 5000, 1),
    steps=(StepFacts("quantize", {"scheme": "int8"}, "done", "", 0.1),),
    seconds=4.2,
    machine=MACHINE,
)  # fmt: skip


def printed(renderable: RenderableType, width: int = 100) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


def row(text: str, start: str) -> str:
    return next((line for line in text.splitlines() if line.strip().startswith(start)), "")


def test_export_shows_original_float_and_artifact():
    text = printed(export_table(REPORT))
    assert "98.66 %" in row(text, "original")
    assert "283.6 kB" in row(text, "original")
    assert "161.6 kB" in row(text, "float")
    artifact = row(text, "int8")
    for value in ("98.32 %", "98.5 %", "0.0039", "58.1 kB", "43.9 kB", "0.010 ms", "4.00×"):
        assert value in artifact


def test_export_says_what_its_numbers_rest_on():
    text = printed(export_table(REPORT))
    assert "597 labelled examples; drop 0.34 points, at most 0.72 points (95 %)" in text
    assert "against the original on 200 real examples" in text
    assert "median of 5,000 runs, 1 thread of Some CPU, LiteRT 2.3.0" in text
    assert "m.tflite  uint8[1×8×8×1] → float32[1×10]  (7 ops, no float ops)" in text


def test_without_labels_there_is_no_score_column():
    text = printed(export_table(replace(REPORT, score=None)))
    assert "accuracy" not in text
    assert "98.5 %" in row(text, "int8")


def test_outputs_without_classes_show_the_noise_instead():
    parity = replace(PARITY, top1_agreement=None, float_top1_agreement=None, synthetic=True)
    text = printed(export_table(replace(REPORT, score=None, parity=parity)))
    assert "SQNR" in text
    assert "49.3 dB" in row(text, "int8")
    assert "200 generated inputs" in text


def test_a_float_export_has_no_third_row():
    steps = (StepFacts("quantize", {"scheme": "none"}, "declined", "", 0.1),)
    text = printed(export_table(replace(REPORT, steps=steps)))
    assert not row(text, "none")
    assert row(text, "float")


def test_warnings_stand_between_table_and_path():
    text = printed(export_table(replace(REPORT, warnings=(Warn("c", "Beware.", "Do this."),))))
    assert "! Beware. Do this." in text
    assert text.index("Beware") < text.index("m.tflite  uint8")


def test_demo_leads_on():
    assert "litesmith export YOUR_MODEL" in printed(demo_table(REPORT))


def test_check_names_what_stays_float_and_what_the_target_refuses():
    left = (FloatOp("ERF", 2, ("block/erf",)),)
    report = CheckReport(
        "0.1.0", "ok", None, SOURCE, False, 1000, {"ERF": 2}, 2, {"32": 77_360}, left,
        TargetFacts("edgetpu", False, "rules"), left,
    )  # fmt: skip
    text = printed(check_table(report))
    assert "Keras 3.15.1 (keras, saved by Keras 3.15.1)" in text
    assert "float32[?, 8, 8, 1]" in text
    assert "1,000 B" in row(text, "float .tflite")
    assert "stays float: 2 ERF (at block/erf)" in text
    assert "refuses" in row(text, "target edgetpu")


def test_check_of_a_quantized_file_says_so():
    text = printed(check_table(CheckReport("0.1.0", "ok", None, SOURCE, quantized=True)))
    assert "already; 0 ops compute in float" in text


def test_compare_has_a_row_per_output():
    text = printed(compare_table(CompareReport("0.1.0", "ok", None, SOURCE, SOURCE, PARITY)))
    for value in ("0.0039", "0.999999", "49.3 dB", "98.5 %"):
        assert value in row(text, "digit")


def test_bench_compares_with_the_first_file():
    rows = (BenchRow("a.tflite", 10, 9, 4.0, 0.1), BenchRow("b.tflite", 5, 4, 2.0, None))
    text = printed(bench_table(BenchReport("0.1.0", "ok", None, rows, 50, 2, MACHINE)))
    assert "1.00×" in row(text, "a.tflite")
    assert "2.00×" in row(text, "b.tflite")
    assert "2 threads of Some CPU" in text


def test_what_was_repaired_guessed_or_cut_is_told() -> None:
    source = replace(SOURCE, repairs=(REPAIR,))
    assert f"About the source: {REPAIR}" in " ".join(
        printed(export_table(replace(REPORT, source=source))).split()
    )
    check = CheckReport("0.1.0", "ok", None, source, quantized=True)
    assert REPAIR in " ".join(printed(check_table(check)).split())
