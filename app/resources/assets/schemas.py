"""What travels in and out of the asset calls."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from app.resources.assets.model import Asset, Upload

Kind = Literal["image", "video", "audio", "file"]
Source = Literal["upload", "result", "step", "sample"]


class AssetView(msgspec.Struct, frozen=True, kw_only=True):
    """A file a person sees. Its bytes are at `/api/v1/assets/{id}/content`.

    `source`: `upload`, `sample` (came with Studio), `result` (among the outputs of an instance) or `step`
    (made on the way to them).
    """

    id: UUID
    name: str
    mime: str
    kind: Kind
    size_bytes: int
    sha256: str
    width: int | None
    height: int | None
    duration_s: float | None
    source: Source
    instance_id: UUID | None
    step_id: UUID | None
    created_by: UUID | None
    created_at: datetime

    @classmethod
    def of(cls, asset: Asset) -> "AssetView":
        return msgspec.convert(msgspec.structs.asdict(asset), cls)


class Assets(msgspec.Struct, frozen=True, kw_only=True):
    """One page of assets, newest first."""

    items: list[AssetView]
    next_cursor: str | None


class NewUpload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that will arrive in pieces."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    size_bytes: Annotated[int, Meta(ge=0)]


class UploadView(msgspec.Struct, frozen=True, kw_only=True):
    """An upload under way: the next piece begins at `received_bytes`."""

    id: UUID
    name: str
    size_bytes: int
    received_bytes: int
    chunk_max_bytes: Annotated[int, Meta(description="How large one piece may be")]

    @classmethod
    def of(cls, upload: Upload, chunk_max_bytes: int) -> "UploadView":
        return cls(
            id=upload.id,
            name=upload.name,
            size_bytes=upload.size_bytes,
            received_bytes=upload.received_bytes,
            chunk_max_bytes=chunk_max_bytes,
        )
