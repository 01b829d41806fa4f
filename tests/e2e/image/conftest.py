"""What the container tests share: the runtime, the image under test, names, ports and volumes."""

import os
import shutil
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.e2e.image.container import Container, Runtime, find_runtime


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the image, so it says so by itself."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.image)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    found = find_runtime()
    assert found is not None, "these tests need docker or podman"
    return found


@pytest.fixture(scope="session")
def image(runtime: Runtime) -> str:
    """The image that scripts/test image has just built."""
    name = os.environ.get("TEST_IMAGE", "studio:test")
    assert runtime("image", "inspect", name).returncode == 0, f"no image {name}; run scripts/test image"
    return name


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder to mount at /workspace, with the mode that a named volume has."""
    folder = tmp_path_factory.mktemp("volume")
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Start(Protocol):
    """Starts a container of the image; it is removed when the test module ends."""

    def __call__(
        self,
        *,
        volume: Path | None = None,
        environment: dict[str, str] | None = None,
        options: tuple[str, ...] = (),
    ) -> Container: ...


@pytest.fixture(scope="module")
def start(runtime: Runtime, image: str) -> Iterator[Start]:
    started: list[Container] = []

    def start_one(
        *,
        volume: Path | None = None,
        environment: dict[str, str] | None = None,
        options: tuple[str, ...] = (),
    ) -> Container:
        name = f"studio-test-{uuid.uuid4().hex[:12]}"
        container = Container.start(
            runtime, image, name, free_port(), volume=volume, environment=environment, options=options
        )
        started.append(container)
        return container

    yield start_one
    for container in started:
        container.remove()


def free_port() -> int:
    """A port of loopback that nobody holds right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
