"""A small catalog and documents for the tests of the language; no step of Studio's own can break them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from app.flow.catalog import Catalog, StepSpec, spec_of
from app.flow.messages import Lane
from app.flow.ports import Audio, File, Image, Video
from app.kit.errors import Complaint


class Box(msgspec.Struct):
    """A part of a picture."""

    left: int
    top: int = 0


class DrawInputs(msgspec.Struct, kw_only=True):
    """Every kind of input there is."""

    image: Annotated[Image, Meta(title="Picture", description="What to draw on.")]
    width: Annotated[Annotated[int, Meta(ge=1, le=8192)] | None, Meta(title="Width")] = None
    height: Annotated[int, Meta(ge=1, le=8192, multiple_of=2, extra_json_schema={"unit": "px"})] = 720
    opacity: Annotated[float, Meta(gt=0, le=1)] = 1.0
    fit: Literal["cover", "contain"] = "cover"
    label: Annotated[str, Meta(max_length=20)] = ""
    code: Annotated[str, Meta(pattern="^[a-z]+$")] = "abc"
    sharp: bool = False
    box: Box | None = None
    sizes: Annotated[list[int], Meta(max_length=3)] = []
    options: dict[str, Any] = {}
    token: Annotated[str, Meta(extra={"secret": True})] = ""


class DrawOutputs(msgspec.Struct):
    """What drawing gives."""

    image: Image
    width: int
    has_alpha: bool


class FilmInputs(msgspec.Struct, kw_only=True):
    """A film of pictures."""

    images: Annotated[list[Image], Meta(title="Pictures", min_length=1, max_length=500)]
    title: str = ""
    music: Audio | None = None
    vector: list[float] = []


class FilmOutputs(msgspec.Struct):
    """The film."""

    video: Video
    seconds: float


class AnyInputs(msgspec.Struct):
    """Any value."""

    value: Any


class FileInputs(msgspec.Struct):
    """Any file."""

    file: File


class AnyOutputs(msgspec.Struct):
    """Any value."""

    value: Any


def spec(
    kind: str,
    inputs: type[msgspec.Struct],
    outputs: type[msgspec.Struct],
    lane: Lane = Lane.cpu,
    timeout_s: float | None = None,
) -> StepSpec:
    """A step type of these structs."""
    return spec_of(
        kind=kind,
        version=1,
        lane=lane,
        title=kind.title(),
        summary="A sample.",
        category="Samples",
        hidden=False,
        inputs_type=inputs,
        outputs_type=outputs,
        timeout_s=timeout_s,
    )


CATALOG = Catalog(
    [
        spec("image.draw", DrawInputs, DrawOutputs, timeout_s=60.0),
        spec("video.film", FilmInputs, FilmOutputs),
        spec("file.look", FileInputs, AnyOutputs),
        spec("core.set", AnyInputs, AnyOutputs, Lane.inline),
    ]
)


def node(node_id: str, kind: str = "core.set", **fields: Any) -> dict[str, Any]:
    """A node; `core.set` gets a value unless `values` are given as `with`."""
    values = fields.pop("values", {"value": 1} if kind == "core.set" else {})
    return {"id": node_id, "type": kind, "with": values, **fields}


def document(*nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A document of these nodes."""
    return {"schema": 1, "nodes": list(nodes), **fields}


def picture_story() -> dict[str, Any]:
    """The document of the map, on the sample catalog."""
    return {
        "schema": 1,
        "name": "Picture story",
        "inputs": {
            "photos": {"type": "image[]", "label": "Photos", "min": 1},
            "title": {"type": "text", "default": "Our trip"},
        },
        "nodes": [
            {
                "id": "frames",
                "type": "image.draw",
                "each": "{{ inputs.photos }}",
                "max_parallel": 4,
                "with": {"image": "{{ item }}", "width": 1280, "height": 720, "fit": "cover"},
            },
            {
                "id": "film",
                "type": "video.film",
                "with": {"images": "{{ steps.frames.outputs.image }}", "title": "{{ inputs.title }}"},
                "timeout_s": 600,
                "retry": {"max": 2, "backoff_s": 5, "on": ["transient"]},
            },
        ],
        "outputs": {"film": "{{ steps.film.outputs.video }}"},
        "ui": {"frames": {"x": 0, "y": 0}, "film": {"x": 320, "y": 0}},
    }


def asset(number: int, mime: str = "image/jpeg") -> dict[str, Any]:
    """The facts of a file."""
    return {
        "asset": f"01890000-0000-7000-8000-{number:012d}",
        "name": f"{number}.{mime.rpartition('/')[2]}",
        "mime": mime,
        "size_bytes": number,
        "sha256": "a" * 64,
    }


def said(complaints: list[Complaint] | tuple[Complaint, ...]) -> list[tuple[Any, ...]]:
    """Complaints as (node, field, column, message)."""
    return [(each.node, each.field, each.column, each.message) for each in complaints]
