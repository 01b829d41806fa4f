"""What tests of step types share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.steps.bench import Bench
from workers.children import ChildHost


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench with a child of its own, which is started only by what asks for it."""
    child = ChildHost(None, idle_s=600.0)
    bench = Bench(tmp_path, child)
    yield bench
    await child.close()
    await bench.close()
