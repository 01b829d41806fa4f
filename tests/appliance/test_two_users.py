"""Workers of a user of their own, as in the image: no step gets at the box's secrets, and files are shared.

The two users exist in a mount namespace of the box alone: it sees another /etc/passwd than this machine's.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.kit.settings import KEY_NAMES
from tests.appliance.box import BOOT, ROOT, Box, box_environment
from tests.e2e.person import OWNER, Person

STUDIO, WORKER = 8000, 8001  # the ids of the image
IDS = {"studio": STUDIO, "studio-worker": WORKER}
USERS = "".join(f"{name}:x:{uid}:{STUDIO}::/:/usr/sbin/nologin\n" for name, uid in IDS.items())


def namespace() -> list[str]:
    """The command in front of the boot: a mount namespace with the two users, and our code open to them."""
    needed = {str(path) for path in (ROOT, sys.prefix, sys.base_prefix)}
    closed = {path for path in needed if path.startswith("/root/")}
    lines = ["mount --make-rprivate /", "t=$(mktemp -d)", "mount -t tmpfs tmpfs $t"]
    for name, more in (("passwd", USERS), ("group", f"studio:x:{STUDIO}:\n")):
        lines += [f"{{ cat /etc/{name}; printf %s {shlex.quote(more)}; }} > $t/{name}"]
        lines += [f"mount --bind $t/{name} /etc/{name}"]
    # A checkout or a Python below /root is closed to everybody else; here /root holds nothing but these.
    if closed:
        for number, path in enumerate(sorted(closed)):
            lines += [f"mkdir $t/{number}", f"mount --bind {shlex.quote(path)} $t/{number}"]
        lines += ["mount -t tmpfs -o mode=755 tmpfs /root"]
        for number, path in enumerate(sorted(closed)):
            lines += [f"mkdir -p {shlex.quote(path)}", f"mount --bind $t/{number} {shlex.quote(path)}"]
    script = " && ".join([*lines, f"cd {shlex.quote(str(ROOT))}", 'exec "$@"'])
    return ["unshare", "--mount", "--", "bash", "-c", script, "bash"]


def can_have_namespaces() -> bool:
    return os.geteuid() == 0 and not subprocess.run(["unshare", "--mount", "true"], check=False).returncode


pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not can_have_namespaces(), reason="needs root and mount namespaces"),
]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may pass through, which those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="studio-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def as_worker(*command: str) -> subprocess.CompletedProcess[str]:
    """Somebody's code in a step."""
    return as_user(WORKER, *command)


def as_user(uid: int, *command: str) -> subprocess.CompletedProcess[str]:
    options = [f"--reuid={uid}", f"--regid={STUDIO}", "--clear-groups"]
    return subprocess.run(["setpriv", *options, *command], capture_output=True, text=True, check=False)


def programs(box: Box) -> dict[str, psutil.Process]:
    """The running programs of ours by the end of their command line."""
    return {
        " ".join(process.cmdline()[2:]): process
        for process in psutil.Process(box.process.pid).children(recursive=True)
        if process.cmdline()[1:2] == ["-m"]
    }


def make_a_film(box: Box) -> None:
    """The sample, to its end: the API has written the photos, the worker reads them and writes a film."""
    person = Person(f"http://127.0.0.1:{box.env['PORT']}")
    person.log_in(OWNER["ADMIN_EMAIL"], OWNER["ADMIN_PASSWORD"])
    workflow = person.sample_workflow()
    started = person.start(workflow["id"], {"photos": person.sample_photos()[:1], "title": str(os.getpid())})
    instance = person.wait_for_end(started["id"])
    assert instance["status"] == "completed", f"{instance}\n{box.text}"
    assert person.download(instance["outputs"]["film"]["asset"])
    person.close()


def test_no_step_gets_at_the_secrets_of_the_box_and_both_users_share_its_files(open_folder: Path) -> None:
    users = {"STUDIO_SERVICE_USER": "studio", "STUDIO_WORKER_USER": "studio-worker"}
    env = box_environment(open_folder, STUDIO_ROLES="all", **users, **OWNER)
    del env["WORKER_SHARED_SECRET"]
    workspace = open_folder / "ws"
    with Box(env, (*namespace(), *BOOT)) as box:
        box.wait_for("Studio is ready at")
        for lane in ("cpu", "gpu"):
            assert "shared_blobs=True" in box.wait_for(f"Worker ready lane={lane}")
        box.wait_for("Daemon at work")
        running = programs(box)
        api = running["app.server"]
        assert api.uids().effective == running["app.daemon"].uids().effective == STUDIO
        assert running["workers cpu"].uids().effective == running["workers gpu"].uids().effective == WORKER
        make_a_film(box)
        secrets = {name: (workspace / "keys" / name).read_text().strip() for name in KEY_NAMES}
        for name in KEY_NAMES:
            answer = as_worker("cat", str(workspace / "keys" / name))
            assert (answer.stdout, answer.returncode) == ("", 1), f"a step can read keys/{name}"
        assert as_worker("cat", f"/proc/{api.pid}/environ").stdout == "", (
            "a step can read the API's environment"
        )
        assert secrets["jwt_secret_key"] in Path(f"/proc/{api.pid}/environ").read_text()
        seen = Path(f"/proc/{running['workers cpu'].pid}/environ").read_text()
        held = {name for name, secret in secrets.items() if secret in seen}
        assert held == {"worker_shared_secret"}
        assert OWNER["ADMIN_PASSWORD"] not in seen
        logs = workspace / "logs"
        lines = logs / "00000001.jsonl"
        assert as_user(STUDIO, "cat", str(lines)).stdout, "the API shows them"
        assert as_worker("cat", str(lines)).stdout == "", "a step can read everybody's lines"
        assert as_user(STUDIO, "touch", str(logs / "2.jsonl")).returncode != 0, "root writes there"
        assert box.stop() == 0

    # As a version left it whose workers were the service user.
    for name in KEY_NAMES:
        os.chown(workspace / "keys" / name, STUDIO, STUDIO)
    os.chown(workspace / "keys", STUDIO, STUDIO)
    os.chown(workspace / "logs", STUDIO, STUDIO)
    for folder in (workspace / "blobs").iterdir():
        folder.chmod(0o755)
        os.chown(folder, STUDIO, STUDIO)
    with Box(env, (*namespace(), *BOOT)) as box:
        box.wait_for("Studio is ready at")
        assert {(workspace / "keys" / name).stat().st_uid for name in KEY_NAMES} == {0}
        assert as_worker("ls", str(workspace / "keys")).returncode != 0
        assert (workspace / "logs").stat().st_uid == 0
        make_a_film(box)
        assert box.stop() == 0
