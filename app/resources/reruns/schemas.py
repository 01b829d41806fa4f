"""What travels in and out of the calls that run something again."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta


class WhichVersion(StrEnum):
    """On which version of the workflow."""

    same = "same"  # the one the instance ran on
    newest = "newest"  # the one that runs today; what ran on another version of its step type runs too


OnVersion = Annotated[
    WhichVersion,
    Meta(
        description="The instance's own version, or the one that is published today, with the steps whose "
        "type has a newer version since"
    ),
]
Given = Annotated[dict[str, Any], Meta(description='Values by name; a file is `{"asset": "<id>"}`')]
Node = Annotated[str, Meta(min_length=1, max_length=200, description="The id of a step in the workflow")]


class Retry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keep what ended well and run the rest: what failed, and what never came to its end."""

    version: OnVersion = WhichVersion.same


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One item of a step that runs once for each item of a list.

    `with` holds inputs for it alone; those left out are as they were.
    """

    step: Node
    index: Annotated[int, Meta(ge=0, description="Counted from 0; through, where lists lie in lists")]
    with_: Given = msgspec.field(name="with", default_factory=dict)


class Rerun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to run again; the rest is kept with what it gave.

    Steps that depend on something that runs, run too. `inputs` alone, or nothing at all, runs everything;
    with `keep` only the steps that ask for a changed input, and what depends on them.
    """

    from_: Annotated[
        list[Node], Meta(max_length=200, description="These steps, and what depends on them")
    ] = msgspec.field(name="from", default_factory=list)
    with_: Annotated[
        dict[str, Given],
        Meta(max_length=200, description="These steps too, on other values of their fields, by step"),
    ] = msgspec.field(name="with", default_factory=dict)
    items: Annotated[list[Item], Meta(max_length=1_000, description="Single items, on other inputs")] = []
    inputs: Annotated[Given, Meta(description="Inputs of the workflow that change; null: its default")] = {}
    outputs: Annotated[
        dict[str, Given],
        Meta(max_length=200, description="Outputs by step, given by hand in place of its own"),
    ] = {}
    keep: Annotated[bool, Meta(description="Keep the steps that no changed input leads to")] = False
    version: OnVersion = WhichVersion.same


class StepRerun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Run this step again, or this item.

    `with`: values of its fields by hand, those left out are as they were; `outputs`: by hand, and go on.
    """

    with_: Given = msgspec.field(name="with", default_factory=dict)
    outputs: Given = {}
    version: OnVersion = WhichVersion.same


class KeptInPart(msgspec.Struct, frozen=True, kw_only=True):
    """A fan-out of which some items run again."""

    step: str
    items_total: int
    items_run: Annotated[int, Meta(description="How many of them run")]


class Outdated(msgspec.Struct, frozen=True, kw_only=True):
    """A step whose result is kept, though its type has another version now."""

    step: str
    ran_on: Annotated[int, Meta(description="The version of its type that it ran on")]
    now: Annotated[int, Meta(description="The version it would run on today")]


class RerunPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What running again would do, by the ids of steps, each behind all it depends on."""

    version: int
    kept: list[str]
    edited: list[str]
    parts: list[KeptInPart]
    outdated: Annotated[list[Outdated], Meta(description="Among the kept ones and the parts")]
    run: list[str]
