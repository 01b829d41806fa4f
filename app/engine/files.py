"""The files a step is about to read, as the room of assets knows them.

A value that looks like a file may have come from anywhere: a `json` input, an expression, the answer of a
web page. Workers open bytes by the hash a value names, so no value is believed: before a step is queued,
each of its file ports gets the facts of the asset its value names, among those of the organization.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from app.engine.assets import AssetKeeper
from app.engine.board import Board
from app.flow.catalog import PortSpec
from app.flow.messages import ErrorClass, StepError
from app.flow.port_rules import is_file
from app.flow.ports import Asset, accepts
from app.flow.program import ProgramNode
from app.flow.wording import say_type, shorten
from app.kit.codec import to_plain
from app.kit.ids import AssetId

_ID = re.compile(r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_ID_LETTERS = 36


class Files:
    """What one move has looked up, each file once."""

    def __init__(self, keeper: AssetKeeper, board: Board) -> None:
        self._keeper = keeper
        self._board = board
        self._known: dict[AssetId, Asset | None] = {}

    async def resolve(
        self, node: ProgramNode, each: Sequence[dict[str, Any]]
    ) -> Sequence[dict[str, Any] | StepError]:
        """Inputs of this node with the facts of their files, or why they cannot be had; in order.

        One statement for all of them, none where the step takes no file or this move knows them already.
        """
        ports = [port for port in node.spec.inputs if is_file(port.item_type)]
        if not ports:
            return each
        await self._look_up(
            asset_id
            for inputs in each
            for port in ports
            for value in _values(port, inputs)
            if (asset_id := _id_of(value)) is not None
        )
        return [self._resolved(ports, inputs) for inputs in each]

    async def hand_out(self, outputs: Mapping[str, Any]) -> None:
        """The files among an instance's outputs are its results; those of a child are still in between."""
        instance = self._board.instance
        asset_ids = files_in(outputs) if instance.parent_step_id is None else set()
        if asset_ids:
            await self._keeper.mark_results(
                self._board.tx, asset_ids, organization_id=instance.organization_id
            )

    async def _look_up(self, wanted: Iterable[AssetId]) -> None:
        missing = {asset_id for asset_id in wanted if asset_id not in self._known}
        if not missing:
            return
        found = await self._keeper.facts(
            self._board.tx,
            missing,
            organization_id=self._board.instance.organization_id,
            user=self._board.instance.id,
        )
        self._known |= {asset_id: found.get(asset_id) for asset_id in missing}

    def _resolved(self, ports: Sequence[PortSpec], inputs: dict[str, Any]) -> dict[str, Any] | StepError:
        facts: dict[str, Any] = {}
        for port in ports:
            assets: list[Any] = []
            for value in _values(port, inputs):
                asset = self._asset(value)
                if asset is None or not accepts(port.item_type, asset.mime):
                    return _refusal(port, value, asset)
                assets.append(to_plain(asset))
            if inputs.get(port.name) is not None:
                facts[port.name] = assets if port.is_list else assets[0]
        return {**inputs, **facts}

    def _asset(self, value: Mapping[str, Any]) -> Asset | None:
        asset_id = _id_of(value)
        return None if asset_id is None else self._known[asset_id]


def mentioned_in(value: Any) -> set[AssetId]:
    """Every id in a value, however deep and wherever in a text: what might become a file later."""
    found: set[AssetId] = set()
    pending = [value]
    while pending:
        match pending.pop():
            case str() as text if len(text) >= _ID_LETTERS:
                found |= {AssetId(UUID(one)) for one in _ID.findall(text)}
            case dict() as fields:
                pending.extend(fields.values())
            case list() as items:
                pending.extend(items)
    return found


def files_in(value: Any) -> set[AssetId]:
    """The ids of all files in a value, however deep."""
    found: set[AssetId] = set()
    pending = [value]
    while pending:
        match pending.pop():
            case {"asset": str(), "sha256": str()} as file:
                asset_id = _id_of(file)
                if asset_id is not None:
                    found.add(asset_id)
            case dict(fields):
                pending.extend(fields.values())
            case list(items):
                pending.extend(items)
    return found


def _values(port: PortSpec, inputs: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The file values at a port; they have been checked to be objects with an `asset`."""
    value = inputs.get(port.name)
    if value is None:
        return
    if port.is_list:
        yield from value
    else:
        yield value


def _id_of(value: Mapping[str, Any]) -> AssetId | None:
    try:
        return AssetId(UUID(value["asset"]))
    except ValueError:
        return None


def _refusal(port: PortSpec, value: Mapping[str, Any], asset: Asset | None) -> StepError:
    if asset is None:
        message = f"“{port.name}”: there is no file with the id {shorten(value['asset'])}."
        remedy = "It may have been deleted; upload it again and run the workflow with the new file."
        return StepError(error_class=ErrorClass.bad_input, message=message, remedy=remedy)
    message = f"“{port.name}” must be {say_type(port.item_type)}; “{shorten(asset.name)}” is {asset.mime}."
    return StepError(error_class=ErrorClass.bad_input, message=message)
