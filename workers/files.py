"""A step's files: assets in as local paths, files it made out under their hash.

On the box itself the blob folder is shared: bytes are read where they lie and moved in by a rename. Elsewhere
they are fetched once a job and uploaded in parts that survive a broken connection.
"""

import asyncio
import hashlib
import os
import shutil
from pathlib import Path
from typing import Final, TypeVar

from app.flow.messages import ErrorClass, NewBlob
from app.flow.ports import Asset
from app.kit.blobs import Blob, BlobFolder
from app.kit.errors import Invalid
from app.kit.ids import new_id
from app.kit.volume import Watch
from app.steps.base import StepFailed
from app.steps.tools.sniff import UNKNOWN, Facts, look
from workers.gateway import Gateway
from workers.refusals import Refused

A = TypeVar("A", bound=Asset)

VAGUE: Final = (UNKNOWN, "text/plain")


class Files:
    """Files of one attempt; `made` is what it will hand over when it finishes."""

    def __init__(
        self, folder: Path, gateway: Gateway, blobs: BlobFolder | None, watch: Watch | None = None
    ) -> None:
        self._folder = folder
        self._gateway = gateway
        self._blobs = blobs  # None: this worker does not share the box's volume
        self._watch = watch or Watch()  # of the box's volume, where this worker shares it
        self._fetching: dict[str, asyncio.Task[Path]] = {}
        self.made: list[NewBlob] = []

    async def fetch(self, asset: Asset) -> Path:
        """A local file with the asset's bytes, not to be changed. Raises StepFailed."""
        if self._blobs is not None:
            path = self._blobs.path(asset.sha256)
            if not await asyncio.to_thread(path.is_file):
                raise _missing(asset)
            return path
        if asset.sha256 not in self._fetching:
            self._fetching[asset.sha256] = asyncio.create_task(self._download(asset))
        return await asyncio.shield(self._fetching[asset.sha256])

    async def keep(self, path: Path, kind: type[A], name: str, mime: str | None) -> A:
        """Store a file the step made under its hash; `path` is gone then. Raises VolumeFull, VolumeAway."""
        if not path.is_relative_to(self._folder):
            raise StepFailed(ErrorClass.bug, "A step may only keep files of its own folder.")
        name = _plain_name(name)
        facts = await asyncio.to_thread(_facts, path, name, mime)
        if self._blobs is not None:
            self._watch.refuse_results()
            blob = await asyncio.to_thread(_adopt, self._blobs, path)
        else:
            blob = await asyncio.to_thread(_measure, path)
            await self._gateway.upload(blob.sha256, path, blob.size_bytes)
            path.unlink(missing_ok=True)  # noqa: ASYNC240  one call on a local disk
        asset_id = new_id()
        self.made.append(
            NewBlob(
                asset=asset_id,
                name=name,
                mime=facts.mime,
                size_bytes=blob.size_bytes,
                sha256=blob.sha256,
                width=facts.width,
                height=facts.height,
                duration_s=facts.duration_s,
            )
        )
        return kind(
            asset=str(asset_id), name=name, mime=facts.mime, size_bytes=blob.size_bytes, sha256=blob.sha256
        )

    async def close(self) -> None:
        """Stop what is still being fetched."""
        for task in self._fetching.values():
            task.cancel()
        await asyncio.gather(*self._fetching.values(), return_exceptions=True)

    async def _download(self, asset: Asset) -> Path:
        folder = self._folder / "inputs"
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        path = folder / asset.sha256
        try:
            await self._gateway.download(asset.sha256, path)
        except Refused as exc:
            raise _missing(asset) from exc
        found = await asyncio.to_thread(_measure, path)
        if found.sha256 != asset.sha256:
            raise StepFailed(
                ErrorClass.transient,
                f"“{asset.name}” arrived damaged.",
                remedy="Try again; check the network.",
            )
        return path


def _missing(asset: Asset) -> StepFailed:
    return StepFailed(
        ErrorClass.bad_input,
        f"The bytes of “{asset.name}” are not in the box's store any more.",
        remedy="Upload the file again.",
    )


def _facts(path: Path, name: str, claimed: str | None) -> Facts:
    """What the file is. Its maker is believed only where the content says nothing about it."""
    try:
        facts = look(path, name)
    except Invalid as exc:
        raise StepFailed(ErrorClass.bad_input, exc.detail, remedy=exc.remedy) from exc
    if claimed and facts.mime in VAGUE and not claimed.startswith(("image/", "video/", "audio/")):
        return Facts(mime=claimed, kind=facts.kind)
    return facts


def _adopt(blobs: BlobFolder, path: Path) -> Blob:
    if path.is_symlink():
        raise StepFailed(ErrorClass.bug, "A step may not keep a link.")
    return blobs.adopt(path)


def _measure(path: Path) -> Blob:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Blob(digest, os.fstat(file.fileno()).st_size)


def _plain_name(name: str) -> str:
    """A file name without folders or control characters, at most 200 letters, its ending kept."""
    cleaned = "".join(
        letter if letter.isprintable() and letter not in "/\\" else "_" for letter in name
    ).strip(" .")
    if len(cleaned) > 200:
        stem, dot, ending = cleaned.rpartition(".")
        cleaned = f"{stem[:180]}{dot}{ending[:15]}" if dot else cleaned[:200]
    return cleaned or "file"


def remove_folder(folder: Path) -> None:
    """A private folder with all that is in it; blocking."""
    shutil.rmtree(folder, ignore_errors=True)
