"""The vault: each organization's secrets under a key of its own, opened there and nowhere else."""

import asyncio
from uuid import UUID

import pytest
import pytest_asyncio
from msgspec.structs import replace

from app.kit.ids import new_id
from app.kit.sealing import Place, SecretDamaged, SecretsLocked
from app.kit.settings import Settings
from app.store.database import Database, Scope
from app.store.vault import KeyMissing, Vault
from tests.people import People

HERE = Place("webhooks", "secret", new_id())


@pytest.fixture
def vault(settings: Settings) -> Vault:
    """The vault of the session's box, with nothing remembered."""
    return Vault(settings.keys)


@pytest_asyncio.fixture
async def organization(people: People) -> UUID:
    """An organization without any key yet."""
    return await people.organization()


async def keep(database: Database, vault: Vault, organization: UUID, text: str = "hush") -> str:
    """A secret of an organization, as it would lie in its row."""
    async with database.transaction(Scope.organization(organization)) as tx:
        return await vault.seal(tx, text, HERE)


async def test_a_secret_opens_in_its_organization_also_after_a_restart(
    database: Database, settings: Settings, vault: Vault, organization: UUID
) -> None:
    record = await keep(database, vault, organization)
    for one in (vault, Vault(settings.keys)):
        async with database.transaction(Scope.organization(organization)) as tx:
            assert (await one.open(tx, record, HERE)).reveal() == "hush"


async def test_another_organization_does_not_open_it(
    database: Database, vault: Vault, organization: UUID, people: People
) -> None:
    record = await keep(database, vault, organization)
    other = await people.organization()
    await keep(database, vault, other)
    async with database.transaction(Scope.organization(other)) as tx:
        with pytest.raises(KeyMissing):
            await vault.open(tx, record, HERE)


async def test_a_record_moved_to_another_row_does_not_open(
    database: Database, vault: Vault, organization: UUID
) -> None:
    record = await keep(database, vault, organization)
    async with database.transaction(Scope.organization(organization)) as tx:
        with pytest.raises(SecretDamaged):
            await vault.open(tx, record, replace(HERE, row=new_id()))
        with pytest.raises(SecretDamaged):
            await vault.open(tx, "v1:not-an-id:x:y", HERE)


async def test_a_wrong_or_missing_encryption_key_locks_and_says_so(
    database: Database, settings: Settings, vault: Vault, organization: UUID
) -> None:
    record = await keep(database, vault, organization)
    for wrong in ("another-key-0123456789", None):
        locked = Vault(replace(settings.keys, encryption_key=wrong))
        async with database.transaction(Scope.organization(organization)) as tx:
            with pytest.raises(SecretsLocked) as caught:
                await locked.open(tx, record, HERE)
            assert "ENCRYPTION_KEY" in (caught.value.remedy or "")
            with pytest.raises(SecretsLocked):
                await locked.seal(tx, "more", HERE)


async def test_secrets_sealed_at_once_share_one_key(
    database: Database, settings: Settings, organization: UUID
) -> None:
    records = await asyncio.gather(
        *(keep(database, Vault(settings.keys), organization, f"secret {n}") for n in range(6))
    )
    assert len({record.split(":")[1] for record in records}) == 1
    async with database.transaction(Scope.organization(organization)) as tx:
        vault = Vault(settings.keys)
        opened = [(await vault.open(tx, record, HERE)).reveal() for record in records]
    assert opened == [f"secret {n}" for n in range(6)]


async def test_a_key_made_in_a_transaction_that_failed_seals_nothing_afterwards(
    database: Database, vault: Vault, organization: UUID
) -> None:
    async def fail() -> None:
        async with database.transaction(Scope.organization(organization)) as tx:
            await vault.seal(tx, "lost", HERE)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()
    record = await keep(database, vault, organization)
    async with database.transaction(Scope.organization(organization)) as tx:
        assert (await vault.open(tx, record, HERE)).reveal() == "hush"


async def test_without_its_data_keys_an_organizations_secrets_are_gone_for_good(
    database: Database, settings: Settings, vault: Vault, organization: UUID
) -> None:
    record = await keep(database, vault, organization)
    async with database.transaction(Scope.organization(organization)) as tx:
        await tx.execute("DELETE FROM organization_keys")
    async with database.transaction(Scope.organization(organization)) as tx:
        with pytest.raises(KeyMissing):
            await Vault(settings.keys).open(tx, record, HERE)
