from __future__ import annotations

import pytest

from litesmith.errors import InputError
from litesmith.targets import TARGETS, find_target


def test_cpu_is_proved_by_running_and_may_use_floats():
    cpu = find_target("cpu")
    assert (cpu.proof, cpu.integer_only) == ("litert", False)


@pytest.mark.parametrize("name", [n for n in TARGETS if n.startswith(("ethos", "edgetpu"))])
def test_accelerators_run_integers_only(name):
    assert find_target(name).integer_only
    assert find_target(name).proof == "rules"


def test_an_unknown_target_suggests_the_nearest():
    with pytest.raises(InputError, match="no target 'ethos-u55-12'") as caught:
        find_target("ethos-u55-12")
    assert "Did you mean 'ethos-u55-128'?" in caught.value.hint
    assert "cpu" in caught.value.hint


def test_every_row_is_found_under_its_own_name():
    assert all(find_target(name).name == name for name in TARGETS)
