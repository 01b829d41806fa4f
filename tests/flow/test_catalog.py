"""Ports and schemas derived from the structs of a step type."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from app.flow.catalog import PortSpec, spec_of
from app.flow.messages import Lane
from app.flow.ports import Asset, Audio, File, Image, Video
from tests.flow.samples import CATALOG, Box


class Struct(msgspec.Struct):
    """Replaced by a struct with one field of the type under test."""


ANNOTATIONS: list[tuple[Any, str]] = [
    (str, "text"),
    (int, "number"),
    (float, "number"),
    (int | float, "number"),
    (bool, "boolean"),
    (Literal["a", "b"], "text"),
    (Literal[1, 2], "number"),
    (Literal["a", 1], "json"),
    (Lane, "text"),
    (dict[str, int], "json"),
    (Any, "json"),
    (Box, "json"),
    (str | int, "json"),
    (Image, "image"),
    (Video, "video"),
    (Audio, "audio"),
    (File, "file"),
    (Asset, "file"),
    (Image | None, "image"),
    (list[str], "text[]"),
    (list[Image], "image[]"),
    (tuple[Video, ...], "video[]"),
    (list[Box], "json[]"),
    (list[float], "vector"),
    (list[list[float]], "vector[]"),
    (list[int], "number[]"),
    (list[list[str]], "json"),
    (Annotated[list[Annotated[Image, Meta(title="One")]], Meta(min_length=1)] | None, "image[]"),
    (Annotated[Annotated[int, Meta(ge=1)] | None, Meta(title="Width")], "number"),
]


@pytest.mark.parametrize(("annotation", "port"), ANNOTATIONS)
def test_a_port_takes_its_type_from_the_annotation(annotation: Any, port: str) -> None:
    struct = msgspec.defstruct("Struct", [("field", annotation)])
    spec = spec_of(
        kind="a.b",
        version=1,
        lane="cpu",
        title="",
        summary="",
        category="",
        hidden=False,
        inputs_type=struct,
        outputs_type=struct,
    )
    assert [each.type for each in spec.inputs] == [port]
    assert spec.outputs == spec.inputs


def test_ports_carry_what_the_palette_and_the_checker_need() -> None:
    spec = CATALOG["image.draw"]
    assert spec.input("image") == PortSpec(
        name="image", type="image", title="Picture", description="What to draw on.", required=True
    )
    assert spec.input("width") == PortSpec(name="width", type="number", title="Width", nullable=True)
    token = spec.input("token")
    assert token is not None and token.secret
    assert spec.input("nothing") is None
    assert spec.output("has_alpha") == PortSpec(name="has_alpha", type="boolean", required=True)
    images = CATALOG["video.film"].input("images")
    assert images is not None and images.is_list and images.item_type == "image"


def test_the_schema_is_the_object_itself_with_its_bounds_and_units() -> None:
    schema = CATALOG["image.draw"].input_schema
    assert schema["type"] == "object"
    assert schema["required"] == ["image"]
    assert schema["properties"]["height"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 8192,
        "multipleOf": 2,
        "unit": "px",
        "default": 720,
    }
    assert set(schema["$defs"]) == {"Image", "Box"}


def test_the_catalog_is_a_mapping_and_a_spec_is_plain_data() -> None:
    assert sorted(CATALOG) == ["core.set", "file.look", "image.draw", "video.film"]
    assert len(CATALOG) == 4
    spec = CATALOG["video.film"]
    assert msgspec.json.decode(msgspec.json.encode(spec))["kind"] == "video.film"
