"""On a machine with an NVIDIA card: films by its encoder, embeddings in its memory, its memory given back.

Skipped where no card is; `scripts/test -- -m gpu` runs these alone.
"""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pynvml
import pytest
import pytest_asyncio

from app.steps.text_embed import TextEmbed
from app.steps.tools.ffmpeg import NVENC, choose_encoder
from app.steps.video_slideshow import VideoSlideshow
from tests.steps.bench import Bench
from tests.steps.set_up import needs_torch
from workers.cards import Cards
from workers.children import ChildHost

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not Cards().read(), reason="no NVIDIA card here"),
    pytest.mark.timeout(300),  # CUDA's first use of a card takes its time
]
TEXTS = ["A cat sleeps on the sofa.", "A kitten naps on the couch.", "Interest rates rose again."]


@pytest_asyncio.fixture
async def on_card(tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench whose model process sees the first card."""
    child = ChildHost(0, idle_s=600.0)
    bench = Bench(tmp_path, child)
    yield bench
    await bench.close()
    await child.close()


def used_bytes() -> int:
    """Memory in use on the first card."""
    return Cards().read()[0].memory_used_bytes


def encodes_h264() -> bool:
    """Whether the card has an encoder for it; data-centre cards such as the H100 have none."""
    pynvml.nvmlInit()
    try:
        card = pynvml.nvmlDeviceGetHandleByIndex(0)
        return int(pynvml.nvmlDeviceGetEncoderCapacity(card, pynvml.NVML_ENCODER_QUERY_H264)) > 0
    except pynvml.NVMLError:
        return False


async def test_a_film_is_encoded_by_the_card_if_it_can(bench: Bench) -> None:
    encoder = await choose_encoder(bench.context())
    assert (encoder is NVENC) == encodes_h264()
    made = await bench.run(
        VideoSlideshow,
        {
            "images": [{"sample": "photo.jpg"}, {"sample": "drawing.png"}],
            "seconds_per_image": 1.0,
            "width": 640,
            "height": 360,
        },
    )
    (stream,) = streams_of(bench.path(made.video))
    assert encoder.name in stream["tags"]["encoder"]
    assert (stream["codec_name"], stream["pix_fmt"]) == ("h264", "yuv420p")
    assert float(stream["duration"]) == pytest.approx(2.0, abs=0.1)


def streams_of(film: Path) -> list[dict[str, Any]]:
    """ffprobe's words about each stream."""
    command = ["ffprobe", "-loglevel", "error", "-print_format", "json", "-show_streams", str(film)]
    found = subprocess.run(command, capture_output=True, check=True)
    streams: list[dict[str, Any]] = json.loads(found.stdout)["streams"]
    return streams


@needs_torch
async def test_embeddings_of_the_card_are_those_of_the_processor(
    on_card: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = used_bytes()
    by_card = await on_card.run(TextEmbed, {"texts": TEXTS})
    assert used_bytes() - before > 50_000_000, "the model lies in the card's memory"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    blind = ChildHost(None, idle_s=600.0)
    by_processor = await Bench(tmp_path, blind).run(TextEmbed, {"texts": TEXTS})
    await blind.close()
    for one, other in zip(by_card.vectors, by_processor.vectors, strict=True):
        assert sum(a * b for a, b in zip(one, other, strict=True)) == pytest.approx(1, abs=1e-3)


@needs_torch
async def test_a_killed_model_process_gives_the_card_back_and_the_next_call_gets_a_fresh_one(
    on_card: Bench,
) -> None:
    child = on_card.context()._child
    assert child is not None
    before = used_bytes()
    await on_card.run(TextEmbed, {"texts": TEXTS[:1]})
    first = child.pid
    assert first is not None and used_bytes() > before
    psutil.Process(first).kill()
    await given_back(before)
    assert (await on_card.run(TextEmbed, {"texts": TEXTS[:1]})).dimensions == 384
    assert child.pid != first
    await child.close()
    await given_back(before)


async def given_back(before: int, within_s: float = 20.0) -> None:
    """Wait until the card holds no more than before, but for what its driver keeps."""
    deadline = time.monotonic() + within_s
    while used_bytes() > before + 30_000_000:
        assert time.monotonic() < deadline, f"{used_bytes() - before} bytes are still taken"
        await asyncio.sleep(0.1)
