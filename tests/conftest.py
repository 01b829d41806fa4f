"""What every test may ask for: one Postgres and one Redis a session, made as a box makes them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from app.kit.settings import Settings, load_settings
from app.migrations import runner
from app.server.application import create_app
from app.server.edge import Edge
from app.store.database import Database
from appliance import keys, storage
from appliance.postgres import OWNER, Cluster
from appliance.redis import Server
from tests.lifespan import running
from tests.people import People, gathering

# Asking for one of these means needing the two servers, so the test need not say so itself.
SERVER_FIXTURES = frozenset({"settings", "database", "app", "people", "client"})

TOLD = "told"  # a property of a test by this name is shown at the end, whichever process has run it


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Shows what tests have measured and nowhere assert."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, text in report.user_properties:
            if name == TOLD and report.when == "call":
                terminalreporter.section(report.nodeid)
                terminalreporter.write_line(str(text))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as integration what uses this file's servers: `scripts/test unit` is then everything else."""
    for item in items:
        if SERVER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.integration)
    # Files that wait for servers go first, and quick ones fill the cores at the end.
    slow = {item.path for item in items if any(map(item.get_closest_marker, ("integration", "chaos")))}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings of a box whose Postgres and Redis run, with its schema in place. Takes about 3 s."""
    folder: Path = tmp_path_factory.mktemp("session")
    environment = {"WORKSPACE_PATH": str(folder / "ws"), "STUDIO_RUN_DIR": str(folder / "run")}
    storage.prepare(load_settings(environment))
    settings = keys.ensure(load_settings(environment), environment)
    # What a power cut would lose is nothing here, and without the flushes the tests take half the time.
    hasty = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "archive_mode": "off"}
    cluster = Cluster(settings, hasty)
    redis = Server(settings)
    cluster.prepare()
    redis.prepare()
    cluster.start()
    try:
        redis.start()
        # Some tests make databases of their own and drop them under others; a box's owner role may not.
        cluster.run_sql(f"ALTER ROLE {OWNER} CREATEDB; GRANT pg_signal_backend TO {OWNER}")
        runner.upgrade(settings.database.owner_url)
        yield settings
    finally:
        redis.stop()
        cluster.stop()


@pytest_asyncio.fixture(scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    """The session's database as the application role sees it."""
    database = Database.open(settings, "tests")
    yield database
    await database.close()


@pytest_asyncio.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[Edge]:
    """The whole web application, as `python -m app.server` serves it, with its lifespan."""
    app = create_app(settings)
    async with running(app):
        yield app


@pytest_asyncio.fixture
async def people(app: Edge, database: Database, settings: Settings) -> AsyncIterator[People]:
    """Makes organizations and signed-in members; each test its own, so nothing is cleaned up between them."""
    async with gathering(app, database, settings) as people:
        yield people


@pytest.fixture
def client(people: People) -> httpx.AsyncClient:
    """A client that nobody is signed in at."""
    return people.stranger()
