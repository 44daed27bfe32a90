from __future__ import annotations

from litesmith.diagnose import Finding, Layer
from litesmith.report import CheckReport, CompareReport
from litesmith.report.console import check_table, compare_table
from litesmith.report.document import document
from tests.report.test_console import PARITY, SOURCE, printed


def finding(number: int, code: str = "wasted_range") -> Finding:
    return Finding(
        code, "medium", "CONV_2D", f"conv_{number}", 0.5, f"{number} bad.", "Lost.", "Do."
    )


def checked(findings: tuple[Finding, ...] | None) -> CheckReport:
    return CheckReport("0.1.0", "ok", None, SOURCE, quantized=True, findings=findings)


def test_findings_are_listed_by_kind_with_their_remedy() -> None:
    text = printed(check_table(checked((finding(1), finding(2, "slow_kernel")))))
    assert "medium: wasted range" in text and "medium: slow kernel" in text
    assert "conv_1" in text and "2 bad." in text and text.count("→ Do.") == 2


def test_many_findings_of_a_kind_are_counted() -> None:
    text = printed(check_table(checked(tuple(finding(i) for i in range(9)))))
    assert "conv_3" in text and "conv_4" not in text
    assert "5 more" in text
    listed = document(checked(tuple(finding(i) for i in range(9))))["findings"]
    assert len(listed) == 9 and listed[0]["severity"] == "medium"


def test_a_good_file_and_one_that_is_not_quantized() -> None:
    assert "Nothing was found" in printed(check_table(checked(())))
    assert "Nothing was found" not in printed(check_table(checked(None)))


def layer(number: int, added: float | None) -> Layer:
    return Layer(f"conv_{number}", "CONV_2D", "int8", 30.0, 0.999, 0.03, added, number)


def compared(layers: tuple[Layer, ...]) -> CompareReport:
    return CompareReport("0.1.0", "ok", None, SOURCE, SOURCE, PARITY, layers=layers,
                         layers_of=70, layers_examples=64)  # fmt: skip


def test_layers_are_listed_in_their_order() -> None:
    text = printed(compare_table(compared((layer(2, 0.012), layer(1, None)))))
    assert text.index("conv_2") < text.index("conv_1")
    assert "1.20 %" in text and "2 of 70 tensors, 64 examples" in text


def test_of_many_layers_those_that_add_most() -> None:
    text = printed(compare_table(compared(tuple(layer(i, 0.01) for i in range(1, 61)))))
    assert "conv_24" in text and "conv_25" not in text
    assert "shown are the 24 that add most" in text
