"""The small programs inside the image, each asked as the image asks it, without an image."""

import hashlib
import http.server
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from app.kit.settings import EVERYWHERE
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parent.parent.parent
TOOLS = ROOT / "scripts" / "image"
RELEASE = b"#!/bin/sh\necho cloudflared version 1.2.3\n"


class Answers(http.server.BaseHTTPRequestHandler):
    """A release page and a readiness page; everything else is not there."""

    def do_GET(self) -> None:
        is_release = re.fullmatch(r"/1\.2\.3/cloudflared-linux-(amd64|arm64)", self.path)
        found = RELEASE if is_release else b"ready" if self.path == "/readyz" else None
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name upstream
        """Say nothing."""


def serving(host: str) -> Iterator[http.server.ThreadingHTTPServer]:
    """The answers at a free port of this address."""

    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    with Server((host, 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    yield from serving("127.0.0.1")


@pytest.fixture
def elsewhere() -> Iterator[http.server.ThreadingHTTPServer]:
    """An address of this machine that is not the usual one."""
    yield from serving("127.0.0.9")


def tool(name: str) -> ModuleType:
    """The program as a module: its file has no suffix."""
    loader = SourceFileLoader(name.replace("-", "_"), str(TOOLS / name))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def fetch(server: http.server.ThreadingHTTPServer, version: str, target: Path, *pairs: str) -> str | None:
    releases = f"http://127.0.0.1:{server.server_port}"
    sentence: str | None = tool("fetch-cloudflared").main([version, str(target), *pairs], releases)
    return sentence


def sums(content: bytes) -> list[str]:
    found = hashlib.sha256(content).hexdigest()
    return [f"amd64={found}", f"arm64={found}"]


def test_a_release_with_the_right_checksum_is_installed(
    server: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    target = tmp_path / "cloudflared"
    assert fetch(server, "1.2.3", target, *sums(RELEASE)) is None
    said = subprocess.run([target], capture_output=True, text=True, check=True).stdout
    assert said == "cloudflared version 1.2.3\n"


def test_a_release_with_another_checksum_is_refused_in_a_sentence(
    server: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    target = tmp_path / "cloudflared"
    sentence = fetch(server, "1.2.3", target, *sums(b"something else"))
    assert sentence is not None
    assert hashlib.sha256(RELEASE).hexdigest() in sentence
    assert sentence.endswith("it is not installed")
    assert not target.exists()


def test_a_release_that_is_not_there_or_has_no_checksum_is_a_sentence(
    server: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    target = tmp_path / "cloudflared"
    assert "404" in (fetch(server, "9.9.9", target, *sums(RELEASE)) or "")
    assert "no checksum was given" in (fetch(server, "1.2.3", target, "riscv=0") or "")
    assert not target.exists()


def test_the_dockerfile_asks_for_a_release_and_both_its_checksums() -> None:
    said = dict(re.findall(r"^ARG (CLOUDFLARED_\w+)=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert re.fullmatch(r"\d{4}\.\d+\.\d+", said.pop("CLOUDFLARED_VERSION"))
    assert set(said) == {"CLOUDFLARED_SHA256_AMD64", "CLOUDFLARED_SHA256_ARM64"}
    assert all(re.fullmatch(r"[0-9a-f]{64}", checksum) for checksum in said.values())
    assert len(set(said.values())) == 2


def ask_ready(**env: str) -> subprocess.CompletedProcess[str]:
    """The health check as the container runs it, but with the Python of the tests."""
    command = [sys.executable, "-IS", str(TOOLS / "ready")]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        env={"PATH": os.environ["PATH"], **env},
    )


@pytest.mark.parametrize("quote", ["", '"', "'"])
@pytest.mark.parametrize("host", ["", EVERYWHERE, "127.0.0.1"])
def test_the_health_check_reads_port_and_host_as_the_box_does(
    server: http.server.ThreadingHTTPServer, host: str, quote: str
) -> None:
    answer = ask_ready(PORT=f"{quote}{server.server_port}{quote}", HOST=f"{quote}{host}{quote}")
    assert (answer.returncode, answer.stdout) == (0, "ready\n"), answer.stderr


def test_the_health_check_asks_the_one_address_that_host_names(
    elsewhere: http.server.ThreadingHTTPServer,
) -> None:
    port = str(elsewhere.server_port)
    assert ask_ready(PORT=port, HOST="127.0.0.9").stdout == "ready\n"
    nobody = ask_ready(PORT=port)
    assert nobody.returncode == 1
    assert nobody.stdout.startswith("not ready: ")
    assert ask_ready(PORT="eighty").stdout.startswith("not ready: ")
