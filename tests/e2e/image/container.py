"""One container of the image under test: started, watched, stopped and replaced as a person would do it."""

import json
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

# The hosts we test on cap their own processes low, so the usual limits of podman cannot be set there.
LIMITS = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096")
# A first boot makes the cluster; on two busy cores that took 6 s, and the rest is patience.
READY_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Runtime:
    """The program that runs containers here."""

    command: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.command[0]

    def __call__(self, *arguments: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Runs one subcommand to its end; what it wrote is in the answer."""
        return subprocess.run(
            [*self.command, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False
        )


@dataclass(frozen=True, slots=True)
class Layer:
    """What one instruction of the Dockerfile added."""

    made_by: str
    size_bytes: int


def layers(runtime: Runtime, image: str) -> list[Layer]:
    """The layers of an image, the last one first."""
    if runtime.name == "podman":
        told = json.loads(runtime("history", "--no-trunc", "--format", "json", image).stdout)
        return [Layer(one["CreatedBy"], one["size"]) for one in told]
    answer = runtime("history", "--no-trunc", "--human=false", "--format", "{{json .}}", image)
    told = [json.loads(line) for line in answer.stdout.splitlines()]
    return [Layer(one["CreatedBy"], int(one["Size"])) for one in told]


def find_runtime() -> Runtime | None:
    """docker when its daemon answers, else podman on runc: crun fails where cgroups are hybrid."""
    if shutil.which("docker") and Runtime(("docker",))("info").returncode == 0:
        return Runtime(("docker",))
    if shutil.which("podman"):
        return Runtime(("podman", "--runtime", "runc") if shutil.which("runc") else ("podman",))
    return None


@dataclass(frozen=True, slots=True)
class Stop:
    """How a container ended."""

    took_s: float
    exit_code: int
    log: str


class Container:
    """A running container; `stop` or `remove` end it."""

    def __init__(self, runtime: Runtime, name: str, port: int) -> None:
        self._runtime = runtime
        self.name = name
        self.url = f"http://127.0.0.1:{port}"

    @classmethod
    def start(
        cls,
        runtime: Runtime,
        image: str,
        name: str,
        port: int,
        *,
        volume: Path | None,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> "Container":
        """Starts the image with its port published on loopback and the volume at /workspace."""
        settings = dict(environment or {})
        inner_port = settings.get("PORT", "8000")
        arguments = ["run", "--detach", "--name", name, *LIMITS, "-p", f"127.0.0.1:{port}:{inner_port}"]
        if volume is not None:
            arguments += ["-v", f"{volume}:/workspace"]
        for key, value in settings.items():
            arguments += ["-e", f"{key}={value}"]
        answer = runtime(*arguments, *options, image)
        assert answer.returncode == 0, answer.stderr
        return cls(runtime, name, port)

    def wait_until_ready(self, within_s: float = READY_WITHIN_S) -> float:
        """Seconds until /readyz answered 200; fails at once, with the log, when the container ends first."""
        began = time.monotonic()
        while time.monotonic() - began < within_s:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == httpx.codes.OK:
                    return time.monotonic() - began
            except httpx.HTTPError:
                pass
            assert self.is_running(), f"the container ended before it was ready:\n{self.log()}"
            time.sleep(0.1)
        raise AssertionError(f"not ready within {within_s:.0f} s:\n{self.log()}")

    def is_running(self) -> bool:
        return self._inspect("{{.State.Running}}") == "true"

    def exit_code(self) -> int:
        return int(self._inspect("{{.State.ExitCode}}"))

    def health(self) -> int:
        """The exit code of the image's own health check, run now."""
        if self._runtime.name == "podman":
            return self._runtime("healthcheck", "run", self.name).returncode
        return self.run("ready").returncode

    def log(self) -> str:
        """Everything the container wrote, both streams."""
        answer = self._runtime("logs", self.name)
        return answer.stdout + answer.stderr

    def run(self, *command: str, user: str = "root") -> subprocess.CompletedProcess[str]:
        """Runs a command inside."""
        return self._runtime("exec", "--user", user, self.name, *command)

    def ask(self, script: str) -> Any:
        """What a Python script prints inside, as JSON; it has the image's own packages."""
        answer = self.run("/opt/studio/.venv/bin/python", "-c", script)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    def wait_for_line(self, text: str, within_s: float = READY_WITHIN_S) -> None:
        """Until the log says this."""
        began = time.monotonic()
        while text not in self.log():
            assert time.monotonic() - began < within_s, f"no line with “{text}”:\n{self.log()}"
            assert self.is_running(), self.log()
            time.sleep(0.1)

    def wait_until_ended(self, within_s: float = READY_WITHIN_S) -> Stop:
        """Waits for a container that ends by itself."""
        began = time.monotonic()
        self._runtime("wait", self.name, timeout_s=within_s)
        return Stop(time.monotonic() - began, self.exit_code(), self.log())

    def stop(self) -> Stop:
        """The ordinary stop, with the ten seconds that docker gives before it kills."""
        began = time.monotonic()
        answer = self._runtime("stop", "-t", "10", self.name)
        assert answer.returncode == 0, answer.stderr
        return Stop(time.monotonic() - began, self.exit_code(), self.log())

    def remove(self) -> None:
        """Takes the container away, its volume stays."""
        self._runtime("rm", "--force", "--volumes", self.name)

    def _inspect(self, form: str) -> str:
        return self._runtime("inspect", "--format", form, self.name).stdout.strip()
