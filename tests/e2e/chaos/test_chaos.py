"""A real box at work, whose programs are killed in every way there is; then its whole history is judged."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TOLD
from tests.e2e.chaos.run import chaos

# A minute of kills, as long again for booting and for what they left behind; much more on a busy machine.
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

SEED = 1  # `scripts/chaos` tries others
SECONDS = 55.0  # of pauses: once everything


async def test_whatever_is_killed_every_instance_ends_once_and_rightly(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    report = await chaos(tmp_path, seed=SEED, seconds=SECONDS)
    record_property(TOLD, str(report))  # how soon work went on is measured here, and nowhere asserted
    assert report.ends["completed"] > 0
    assert report.struck_in_vain == []
    assert report.faults == [], str(report)
