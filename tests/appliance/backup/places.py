"""Places elsewhere that backups go to: a real server of each kind, on a port that nobody guessed."""

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import msgspec

from app.kit.settings import Settings
from appliance.backup.remote import Remote
from appliance.users import myself

SSHD = "/usr/sbin/sshd"
LOGIN = ("ada", "a walk by the sea")  # of the WebDAV server
ANYTHING = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where to write to, what a box is started with for it, and what its volume keeps."""

    address: str
    environment: dict[str, str] = {}
    files: dict[str, str] = {}


@contextmanager
def s3() -> Iterator[Place]:
    """moto's S3, which judges signatures. The bucket is not there yet."""
    actions = (
        {"Action": "CreateUser", "UserName": "box"},
        {"Action": "PutUserPolicy", "UserName": "box", "PolicyName": "all", "PolicyDocument": ANYTHING},
        {"Action": "CreateAccessKey", "UserName": "box"},
    )
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        env={"PATH": os.environ["PATH"], "INITIAL_NO_AUTH_ACTION_COUNT": str(len(actions))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        url = _first(server.stderr, r"Running on (http://\S+)")
        # Which service is meant stands in who asks; so early nobody looks at the rest.
        asking = {"authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request"}
        told = ""
        for action in actions:
            told = httpx.post(url, data=action, headers=asking).raise_for_status().text
        key, secret = (_found(rf"<{name}>(.+)</{name}>", told) for name in ("AccessKeyId", "SecretAccessKey"))
        yield Place(
            address=f"s3:{url}/backups/box",
            environment={"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret},
        )
    finally:
        server.kill()
        server.wait()


@contextmanager
def sftp(folder: Path) -> Iterator[Place]:
    """OpenSSH, one process a visit; `authorized_keys` lets nobody in yet."""
    folder.mkdir()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # which its service would have made
    make_host_key(folder)
    config = folder / "sshd_config"
    config.write_text(
        f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    door = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                visit, _ = door.accept()
            except OSError:
                return
            command = [SSHD, "-i", "-f", str(config)]
            subprocess.Popen(command, stdin=visit.fileno(), stdout=visit.fileno(), stderr=subprocess.DEVNULL)
            visit.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        user, port = myself().name, door.getsockname()[1]
        yield Place(address=f"sftp://{user}@127.0.0.1:{port}/{folder}/repository")
    finally:
        door.shutdown(socket.SHUT_RDWR)
        door.close()


def make_host_key(folder: Path) -> None:
    """What an SSH server is known by; another one than before."""
    for path in folder.glob("host*"):
        path.unlink()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "host")], check=True)


@contextmanager
def rclone(folder: Path) -> Iterator[Place]:
    """WebDAV as rclone serves it, and the remote of an rclone.conf for it."""
    folder.mkdir()
    user, password = LOGIN
    command = ["rclone", "serve", "webdav", "--addr", "127.0.0.1:0", "--user", user, "--pass", password]
    server = subprocess.Popen([*command, str(folder)], stderr=subprocess.PIPE)
    try:
        url = _first(server.stderr, r"WebDav Server started on \[?(http://[^\s\]]+)")
        yield Place(address="rclone:away:box", files={"rclone.conf": conf(url, password)})
    finally:
        server.kill()
        server.wait()


def conf(url: str, password: str) -> str:
    """An rclone.conf with the remote “away”."""
    program = shutil.which("rclone") or "rclone"
    hidden = subprocess.run([program, "obscure", password], capture_output=True, text=True, check=True)
    return f"[away]\ntype = webdav\nurl = {url}\nuser = {LOGIN[0]}\npass = {hidden.stdout.strip()}\n"


def at(box: Settings, place: Place) -> Settings:
    """The same box with its backups there, and with the files that its operator put on the volume."""
    Remote(box).bring({})
    for path in Remote(box).folder.iterdir():
        path.unlink()
    for name, content in place.files.items():
        (Remote(box).folder / name).write_text(content)
    return msgspec.structs.replace(box, backup_repository=place.address)


def _first(lines: IO[bytes] | None, pattern: str) -> str:
    """What it says where it can be reached; it goes on talking to nobody."""
    assert lines is not None
    said = []
    for line in lines:
        said.append(line.decode())
        if found := re.search(pattern, said[-1]):
            threading.Thread(target=lines.read, daemon=True).start()
            return found[1]
    raise AssertionError(f"the server did not start: {said}")


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]
