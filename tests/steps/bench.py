"""A bench for step types: the worker's real context over a temporary folder, with samples drawn on demand."""

import asyncio
import math
import struct
import subprocess
import wave
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
from PIL import Image, ImageDraw

from app.flow.messages import Job, Lane, Outcome, Report
from app.flow.ports import Asset
from app.kit.blobs import BlobFolder
from app.kit.codec import to_plain
from app.kit.ids import new_id
from app.kit.outgoing import Outgoing
from app.kit.volume import Watch
from app.steps.base import StepType
from app.steps.tools.sniff import look
from workers.attempt import Workshop, perform
from workers.children import ChildHost
from workers.context import WorkerContext
from workers.files import Files
from workers.gateway import Gateway
from workers.reporter import Reporter, Send

O = TypeVar("O", bound=msgspec.Struct)  # noqa: E741


class Bench:
    """Runs step types as a worker would, without API and database."""

    def __init__(
        self,
        folder: Path,
        child: ChildHost | None = None,
        allow: tuple[str, ...] = (),
        watch: Watch | None = None,
    ) -> None:
        self.folder = folder
        self.blobs = BlobFolder(folder / "blobs", folder / "tmp")
        for place in (self.blobs.root, self.blobs.scratch):
            place.mkdir(parents=True, exist_ok=True)
        self.reports: list[Report] = []
        self.fractions: list[float] = []  # what the steps said of their progress, as they said it
        self.outgoing = Outgoing(allow)
        self._child = child
        self._watch = watch or Watch()
        self._threads = ThreadPoolExecutor(2)
        self._samples: dict[str, Asset] = {}

    async def run(
        self, step_type: type[StepType[Any, O]], inputs: dict[str, Any], *, age_s: float = 0.0, seed: int = 7
    ) -> O:
        """Run a step type with these plain inputs; `{"sample": name}` becomes a drawn file."""
        plain = to_plain(self.with_samples(inputs))
        job = self._job(age_s=age_s, seed=seed)
        return await step_type().run(msgspec.convert(plain, step_type.Inputs), self.context(job))

    async def perform(self, step_type: type[StepType[Any, Any]], inputs: dict[str, Any]) -> Outcome:
        """The same as an attempt: what a worker would tell the API."""
        plain = to_plain(self.with_samples(inputs))
        job = self._job(kind=step_type.kind, version=step_type.version, inputs=plain)
        shop = Workshop(
            gateway=cast(Gateway, self),  # of which an attempt that shares the blobs only needs `report`
            steps={step_type.kind: step_type},
            scratch=self.scratch,
            blobs=self.blobs,
            watch=self._watch,
            outgoing=self.outgoing,
            threads=self._threads,
        )
        return await perform(job, shop, self._child)

    @property
    def scratch(self) -> Path:
        """Where the private folders of attempts are."""
        folder = self.folder / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    def _job(self, **fields: Any) -> Job:
        """A job of its own."""
        given: dict[str, Any] = {"kind": "test", "version": 1, "inputs": {}, "seed": 7, **fields}
        return Job(
            attempt_id=new_id(),
            fence=1,
            lane=Lane.cpu,
            instance_id=new_id(),
            step_id=new_id(),
            organization_id=new_id(),
            node_id="test",
            path=[],
            number=1,
            deadline_s=None,
            **given,
        )

    def context(self, job: Job | None = None) -> WorkerContext:
        """A context of its own, with a folder of its own."""
        job = job or self._job()
        folder = self.scratch / str(job.attempt_id)
        return WorkerContext(
            job,
            folder,
            files=Files(folder, cast(Gateway, None), self.blobs),
            reporter=Recorder(job, self.report, self.fractions),
            outgoing=self.outgoing,
            threads=self._threads,
            child=self._child,
        )

    def with_samples(self, value: Any) -> Any:
        """The same value with every `{"sample": name}` replaced by a file."""
        match value:
            case {"sample": str(name)}:
                return self.sample(name)
            case dict():
                return {key: self.with_samples(one) for key, one in value.items()}
            case list():
                return [self.with_samples(one) for one in value]
            case _:
                return value

    def sample(self, name: str) -> Asset:
        """One of the drawn files."""
        if name not in self._samples:
            path = self.folder / name
            SAMPLES[name](path)
            self._samples[name] = self.add(path)
        return self._samples[name]

    def add(self, path: Path, name: str | None = None, mime: str | None = None) -> Asset:
        """Put a file into the blob folder as an asset; it is gone from `path`."""
        mime = mime or look(path, path.name).mime
        blob = self.blobs.adopt(path)
        return Asset(
            asset=str(new_id()),
            name=name or path.name,
            mime=mime,
            size_bytes=blob.size_bytes,
            sha256=blob.sha256,
        )

    def path(self, asset: Asset) -> Path:
        """Where an asset's bytes are."""
        return self.blobs.path(asset.sha256)

    async def close(self) -> None:
        """End what the bench started."""
        await self.outgoing.close()
        self._threads.shutdown()

    async def report(self, report: Report) -> bool:
        """Take the news of a step."""
        await asyncio.sleep(0)
        self.reports.append(report)
        return True


class Recorder(Reporter):
    """Keeps every word about progress, also those that are overtaken before they are sent."""

    def __init__(self, job: Job, send: Send, fractions: list[float]) -> None:
        super().__init__(job, send)
        self._fractions = fractions

    def progress(self, fraction: float, message: str | None) -> None:
        """Remember it as it was said."""
        self._fractions.append(fraction)
        super().progress(fraction, message)


def draw_photo(path: Path) -> None:
    """A landscape of 640 × 480 with a red left and a blue right half."""
    picture = Image.new("RGB", (640, 480), "#2050c0")
    ImageDraw.Draw(picture).rectangle((0, 0, 319, 479), fill="#c03020")
    picture.save(path, "JPEG", quality=90)


def draw_drawing(path: Path) -> None:
    """A half-transparent circle."""
    picture = Image.new("RGBA", (300, 400), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((50, 100, 250, 300), fill=(20, 160, 60, 200))
    picture.save(path, "PNG")


def play_tune(path: Path) -> None:
    """A second of A4."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", "not compressed"))
        samples = (int(12_000 * math.sin(2 * math.pi * 440 * n / 16_000)) for n in range(16_000))
        file.writeframes(b"".join(struct.pack("<h", one) for one in samples))


def make_film(path: Path) -> None:
    """Two seconds of test card with sound."""
    picture = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=2"]
    sound = ["-f", "lavfi", "-i", "sine=frequency=440:duration=2"]
    out = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"]
    subprocess.run(["ffmpeg", "-y", "-loglevel", "error", *picture, *sound, *out, str(path)], check=True)


SAMPLES: dict[str, Callable[[Path], None]] = {
    "photo.jpg": draw_photo,
    "drawing.png": draw_drawing,
    "tune.wav": play_tune,
    "film.mp4": make_film,
}
