"""The bench's figures say what they claim."""

import pytest

from scripts.benches.figures import figure, quantile, table


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.95, 4), (1.0, 4), (0.01, 1)])
def test_quantile_is_the_nearest_rank(share: float, value: int) -> None:
    assert quantile([1, 2, 3, 4], share) == value


def test_rate_counts_its_bad_end_as_p95() -> None:
    busy = figure("lane busy", "%", [99, 98, 97, 60], 97, more_is_better=True)
    assert busy.p50 == 98
    assert busy.p95 == 60
    assert busy.verdict == "within"


def test_figure_misses_when_either_bearing_is_missed() -> None:
    assert figure("claim", "ms", [1, 1, 1, 40], 5, 15).verdict == "MISSES"
    assert figure("claim", "ms", [1, 1, 1, 14], 5, 15).verdict == "within"
    assert figure("claim", "ms", [1, 1, 1, 14]).verdict == ""


def test_table_names_every_figure_with_its_bearing() -> None:
    text = table([figure("stop", "s", [1.5], 9), figure("busy", "%", [98], 97, more_is_better=True)])
    assert "1.5 s" in text
    assert "≤ 9" in text
    assert "≥ 97" in text
