"""What the engine needs from the room of assets, one floor up: files of a finished step, facts for the next.

The engine knows no asset table. Whoever builds an Engine hands in an AssetKeeper, and the engine calls it
inside its own transaction, so that files and outputs appear together or not at all.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from app.flow.messages import NewBlob
from app.flow.ports import Asset
from app.kit.ids import AssetId, OrganizationId
from app.store.database import Transaction


class AssetKeeper(Protocol):
    """Turns the files a step made into assets of its organization, and knows the assets it has."""

    async def keep(
        self,
        tx: Transaction,
        blobs: Sequence[NewBlob],
        *,
        organization_id: OrganizationId,
        instance_id: UUID,
        step_id: UUID,
    ) -> Sequence[Asset]:
        """Write the asset rows (source `step`, id `NewBlob.asset`), in the order given: all or none.

        The transaction runs under the system's scope: name the organization in every row. Raises NotFound
        when the bytes of a blob are not in the folder, with nothing written; the engine then fails the step
        as a bug and commits.
        """

    async def mark_results(
        self, tx: Transaction, asset_ids: Collection[UUID], *, organization_id: OrganizationId
    ) -> None:
        """What an instance was run for: those of these files that steps made become `result` by source."""

    async def facts(
        self,
        tx: Transaction,
        asset_ids: Collection[UUID],
        *,
        organization_id: OrganizationId,
        user: UUID,
    ) -> Mapping[AssetId, Asset]:
        """Those of these assets the organization has, in one statement; the scope may be the system's.

        `user`: the instance that is about to use them. A file that a step of another instance made on the
        way is kept from now on as long as the user is.
        """

    async def use(
        self,
        tx: Transaction,
        asset_ids: Collection[UUID],
        *,
        organization_id: OrganizationId,
        user: UUID,
    ) -> None:
        """Keep those of these files that steps of other instances made on the way, as long as the user."""

    async def would_let_go(
        self, tx: Transaction, instance_ids: Sequence[UUID], *, organization_id: OrganizationId
    ) -> tuple[int, int]:
        """How many files, and how many bytes, `let_go` would take."""

    async def let_go(
        self, tx: Transaction, instance_ids: Sequence[UUID], *, organization_id: OrganizationId
    ) -> tuple[int, int]:
        """Forget what these instances, which go with this transaction, made on the way and nobody else uses.

        Results and uploads stay. How many files, and how many bytes.
        """
