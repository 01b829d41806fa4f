"""Growth without edits: a new file is a step type, a new folder is a resource, and no list names either."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.resources.discovery import room_modules
from app.steps.discovery import step_types

ROOT = Path(__file__).parent.parent.parent

STEP = '''"""Says hello."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from app.steps.base import Example, InlineStepType, Pause


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to greet."""

    name: Annotated[str, Meta(title="Name", description="Whom to greet.", max_length=100)]


class Outputs(msgspec.Struct, frozen=True, kw_only=True):
    """The greeting."""

    text: Annotated[str, Meta(title="Text", description="The greeting.")]


class TextGreet(InlineStepType[Inputs, Outputs]):
    """A greeting."""

    kind = "text.greet"
    version = 1
    title = "Greet"
    summary = "Greets somebody."
    category = "Text"
    Inputs = Inputs
    Outputs = Outputs
    examples = (Example(title="The world", inputs={"name": "world"}),)

    def evaluate(self, inputs: Inputs, now: datetime) -> Outputs | Pause:
        """The greeting."""
        return Outputs(text=f"Hello, {inputs.name}!")
'''

ROOM = '''"""Poems, for a test of growth."""

from litestar import Controller, get

from app.resources.accounts.guards import requires
from app.resources.accounts.roles import Role


class PoemsController(Controller):
    """Poems."""

    path = "/api/v1/poems"
    tags = ("poems",)

    @get("/", operation_id="listPoems", guards=[requires(Role.viewer)])
    async def read(self) -> list[str]:
        """Every poem."""
        return []
'''


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with one file and one folder more, and nothing else changed."""
    folder = tmp_path_factory.mktemp("grown")
    for package in ("app", "workers", "appliance"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("ui", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "app/steps/text_greet.py").write_text(STEP)
    (folder / "app/resources/poems").mkdir()
    (folder / "app/resources/poems/__init__.py").touch()
    (folder / "app/resources/poems/routes.py").write_text(ROOM)
    return folder


def run(folder: Path, *command: str) -> str:
    """What Python says when it runs in that copy, and not in the checkout that is on its path as well."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_new_step_file_appears_in_the_catalog(grown: Path) -> None:
    script = "from app.steps.discovery import catalog; print('text.greet' in catalog())"
    assert run(grown, "-c", script).strip() == "True"


def test_new_resource_folder_appears_among_the_routes(grown: Path) -> None:
    document = json.loads(run(grown, "-m", "app.admin", "openapi"))
    assert "/api/v1/poems" in document["paths"]


def imports_of(path: Path) -> set[str]:
    """Every module that this file imports, and every name it takes from one, with dots."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def sources(*tops: str) -> list[Path]:
    return [
        path
        for top in tops
        for path in sorted((ROOT / top).rglob("*.py"))
        if "node_modules" not in path.parts
    ]


def test_no_code_names_a_step_type() -> None:
    """A door that imported one by name would have to be edited for the next."""
    modules = {step_type.__module__ for step_type in step_types().values()}
    for path in sources("app", "workers", "appliance"):
        named = imports_of(path) & modules
        assert not named or path.is_relative_to(ROOT / "app/steps"), f"{path} imports {named}"


def test_no_file_gathers_the_rooms() -> None:
    """Rooms may use one another, but a door that imports a room's routes is a list in the making."""
    routes = {module.__name__ for module in room_modules("routes")}
    assert routes
    for path in sources("app", "workers", "appliance"):
        named = imports_of(path) & routes
        assert not named or path.is_relative_to(ROOT / "app/resources"), f"{path} imports {named}"
