"""What tests of step types share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.steps.bench import Bench
from workers.children import ChildHost


@pytest_asyncio.fixture(scope="session")
async def child() -> AsyncIterator[ChildHost]:
    """One model process for all of them; loading torch takes longer than most tests."""
    child = ChildHost(None, idle_s=600.0)
    yield child
    await child.close()


@pytest_asyncio.fixture
async def bench(tmp_path: Path, child: ChildHost) -> AsyncIterator[Bench]:
    """A bench; the child is started only by what asks for it."""
    bench = Bench(tmp_path, child)
    yield bench
    await bench.close()
