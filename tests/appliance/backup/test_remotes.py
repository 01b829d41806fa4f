"""Backups to another machine, on real servers: there and back, and every way of not getting in."""

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app.kit.backups import Backups
from app.kit.clock import now
from app.kit.recovery import Kit, KitDamaged, read_kit
from app.kit.settings import Settings, SettingsFaults, load_settings
from appliance.backup import complaints, restic
from appliance.backup.complaints import Denied, NoRepository, judged
from appliance.backup.drill import drill
from appliance.backup.kit import kit_of
from appliance.backup.make import make
from appliance.backup.remote import Remote, destination, given
from appliance.backup.restic import Repository
from appliance.backup.restore import restore
from appliance.launch import environment_of
from appliance.postgres import Cluster
from appliance.programs import BY_NAME
from appliance.refusal import Refusal
from tests.appliance.backup import places
from tests.appliance.backup.places import Place, at
from tests.appliance.backup.things import environment_in, files_of, kit_in, settings_in

pytestmark = pytest.mark.integration
KINDS = ("s3", "sftp", "rclone")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Place]]:
    """A server of each kind."""
    folder = tmp_path_factory.mktemp("away")
    with places.s3() as s3, places.sftp(folder / "sftp") as sftp, places.rclone(folder / "dav") as rclone:
        yield {"s3": s3, "sftp": sftp, "rclone": rclone}


def let_in(box: Settings, place: Place) -> None:
    """What an operator does where `studio backup key` says so."""
    folder = Path(place.address[place.address.index("//", 7) + 1 :]).parent
    (folder / "authorized_keys").write_text(Remote(box).public_key())


def opened(settings: Settings) -> Repository:
    """The repository as a backup opens it."""
    return Repository.of(settings, kit_in(settings).box_id)


@pytest.mark.parametrize("kind", KINDS)
def test_a_box_comes_back_from_another_machine_with_its_kit_alone(
    kind: str, box: Settings, cluster: Cluster, there: dict[str, Place], elsewhere: Path
) -> None:
    place = there[kind]
    away = at(box, place)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.environment.items():
            patch.setenv(name, value)
        if kind == "sftp":
            let_in(box, place)
        with pytest.raises(NoRepository):
            opened(away).snapshots()
        made = make(away)
        status = Backups(away.workspace).status()
        assert (status.snapshots[0].id, status.failure) == (made.id, None)
        assert status.repository_bytes
        if kind == "s3":  # the others differ on the way there alone, which a restore goes as well
            assert drill(away).outcome == "proved"
        page = kit_of(away, with_access=True).text(now())

    kit = read_kit(page)
    empty = load_settings(environment_in(elsewhere))
    found = restore(
        empty, Repository(kit.repository, kit.password, kit.box_id, None, Remote(empty, kit.access)), kit
    )

    assert (found.snapshot, found.missing) == (made.id, [])
    assert set(files_of(empty)) == set(files_of(box))
    kept = {path.name: stat.S_IMODE(path.stat().st_mode) for path in Remote(empty).folder.iterdir()}
    assert kept == {name: 0o600 for name in kit.access if not name.isupper()}


def refusal_of(settings: Settings) -> Refusal:
    with pytest.raises(Refusal) as refused:
        opened(settings).snapshots()
    return refused.value


def test_a_wrong_key_is_told_with_what_to_do_about_it(
    box: Settings, there: dict[str, Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = there["s3"].environment
    for wrong in ({"AWS_SECRET_ACCESS_KEY": "another one"}, {"AWS_ACCESS_KEY_ID": "AKIAANOTHERONE"}):
        for name, value in (right | wrong).items():
            monkeypatch.setenv(name, value)
        refused = refusal_of(at(box, there["s3"]))
        assert isinstance(refused, Denied)
        assert "does not let this box in" in refused.sentence
        assert "AWS_SECRET_ACCESS_KEY" in refused.sentence
    url = there["rclone"].files["rclone.conf"].split("url = ")[1].split()[0]
    wrong_conf = msgspec.structs.replace(
        there["rclone"], files={"rclone.conf": places.conf(url, "another one")}
    )
    assert isinstance(refused := refusal_of(at(box, wrong_conf)), Denied), refused.sentence
    assert "rclone.conf" in refused.sentence
    assert "knows no remote" in refusal_of(at(box, Place(address="rclone:nowhere:box"))).sentence


def test_ssh_asks_for_its_key_and_remembers_the_host(box: Settings, there: dict[str, Place]) -> None:
    place = there["sftp"]
    home = Path(place.address[place.address.index("//", 7) + 1 :]).parent
    away = at(box, place)
    (home / "authorized_keys").write_text("")
    refused = refusal_of(away)
    assert isinstance(refused, Denied)
    assert "studio backup key" in refused.sentence
    let_in(box, place)
    assert stat.S_IMODE((Remote(box).folder / "ssh_key").stat().st_mode) == 0o600
    with contextlib.suppress(NoRepository):  # whichever test comes first
        opened(away).snapshots()
    # One of the operator's goes before it, also where the environment holds no line ends.
    mine = (Remote(box).folder / "ssh_key").read_text()
    (Remote(box).folder / "ssh_key").write_text("damaged")
    given_key = msgspec.structs.replace(away, backup_ssh_key=mine.strip().replace("\n", "\\n"))
    assert Remote(given_key).public_key() in (home / "authorized_keys").read_text()
    with pytest.raises(Refusal, match="it is damaged, or a passphrase locks it"):
        Remote(away).public_key()

    places.make_host_key(home)
    refused = refusal_of(given_key)
    assert isinstance(refused, Denied)
    assert "another SSH host key" in refused.sentence


def test_a_place_that_is_away_or_silent_does_not_hold_the_backup(
    box: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restic, "PATIENCE_IN_TROUBLE_S", 0.0)  # 0.18 goes on trying
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "of no use here")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setattr(restic, "PATIENCE_S", 0.0)
        refused = refusal_of(at(box, Place(address=f"s3:http://127.0.0.1:{port}/backups")))
        assert "cannot be reached: it did not answer" in refused.sentence
        monkeypatch.undo()
    refused = refusal_of(at(box, Place(address=f"sftp://root@127.0.0.1:{port}//box")))
    assert "cannot be reached" in refused.sentence
    assert "Connection refused" in refused.sentence


OF_018 = "Stat(<config/>) returned error, retrying after 1.4s: Stat: "


@pytest.mark.parametrize(
    ("complaint", "kind"),
    [
        ("The request signature we calculated does not match the signature you provided.", Denied),
        ("The AWS Access Key Id you provided does not exist in our records.", Denied),
        ("Access Denied.", Denied),
        ("The specified bucket does not exist", NoRepository),
    ],
)
def test_asking_again_is_cut_short_where_it_changes_nothing(complaint: str, kind: type[Refusal]) -> None:
    assert complaints.FINAL.search(OF_018 + complaint)
    found = judged(f"{OF_018}{complaint}\n", "s3:https://h/b", "s3:https://h/b")
    assert type(found) is kind
    refused = f'{OF_018}Get "https://h/b": dial tcp 127.0.0.1:1: connect: connection refused'
    assert not complaints.FINAL.search(refused)
    assert "cannot be reached: Stat: Get" in judged(refused, "s3:https://h/b", "s3:https://h/b").sentence


@pytest.mark.parametrize(
    ("said", "is_whole"),
    [("", False), ("subprocess ssh: @@@@@@@@@@\n", False), ("subprocess ssh: Permission denied\n", True)],
)
def test_ssh_is_asked_again_when_restic_passed_on_half_of_what_it_said(said: str, is_whole: bool) -> None:
    complaint = f"{said}Fatal: unable to start the sftp session, error: EOF"
    assert complaints.is_unclear(complaint) is not is_whole


def test_a_missing_program_is_named_with_its_package() -> None:
    missing = 'Fatal: unable to open repository: exec: "ssh": executable file not found in $PATH'
    assert "Debian's package “openssh-client”" in judged(missing, "sftp:h:/b", "sftp:h:/b").sentence


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("sftp:ada@host:/backups", ("ada", "host", None)),
        ("sftp:host:backups", (None, "host", None)),
        ("sftp://ada@host:2222//backups", ("ada", "host", 2222)),
        ("sftp://[::1]:2222/backups", (None, "::1", 2222)),
    ],
)
def test_an_sftp_address_is_read_as_restic_reads_it(
    address: str, found: tuple[str | None, str, int | None]
) -> None:
    assert destination(address) == found


def test_credentials_reach_the_nightly_backup_and_no_other_program(box: Settings, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of a mounted file\n")
    env = {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY_FILE": str(tmp_path / "secret"),
        "RCLONE_CONFIG_AWAY_TYPE": "webdav",
        "STUDIO_BACKUP_SSH_KEY": "key",
    }
    assert environment_of(BY_NAME["backups"], box, env).items() >= env.items()
    for name in ("api", "daemon", "worker-cpu", "watchdog"):
        assert not environment_of(BY_NAME[name], box, env).keys() & env.keys()
    assert given(env)["AWS_SECRET_ACCESS_KEY"] == "of a mounted file"
    with pytest.raises(Refusal, match="AWS_ACCESS_KEY_ID_FILE cannot be read"):
        given({"AWS_ACCESS_KEY_ID_FILE": str(tmp_path / "none")})


def test_nothing_secret_stands_in_a_command_line_or_a_sentence(
    box: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-very-secret-key")
    away = at(box, Place(address="s3:https://h/b", files={"rclone.conf": "[x]\npass = hidden-away-well\n"}))
    secrets = ("a-very-secret-key", "hidden-away-well")
    assert {*secrets} <= set(Remote(away).secrets())
    opened(away)
    told = judged(f"Fatal: {' '.join(secrets)}", away.backup_repository, away.backup_repository).sentence
    assert not any(secret in told for secret in secrets)
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n"
    with_key = msgspec.structs.replace(away, backup_ssh_key=key)
    option = " ".join(Remote(with_key).options("sftp:ada@host:/b"))
    assert "abc" not in option
    assert stat.S_IMODE((box.run_dir / "backup_ssh_key").stat().st_mode) == 0o600
    with pytest.raises(SettingsFaults, match="arguments of rclone can be read by everybody"):
        load_settings({**os.environ, "STUDIO_BACKUP_REPOSITORY": "rclone::s3,secret_access_key=x:bucket"})


def test_a_kit_leaves_no_key_where_nothing_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_modes(path: Path, content: bytes, _mode: int) -> None:
        path.write_bytes(content)
        path.chmod(0o666)

    monkeypatch.setattr("appliance.backup.remote.write_atomically", without_modes)
    remote = Remote(settings_in(tmp_path))
    with pytest.raises(Refusal, match="--without-access"):
        remote.bring({"known_hosts": "there", "ssh_key": "secret"})
    assert not any("secret" in path.read_text() for path in remote.folder.iterdir())


def test_a_kit_says_what_it_holds_and_notices_a_slip(box: Settings) -> None:
    kit = Kit(
        box_id="b", repository="sftp:h:/b", password="p", encryption_key="k", access={"ssh_key": "a\nb\n"}
    )
    page = kit.text(now())
    assert read_kit(page) == kit
    assert "whoever has it has the whole box" in page
    bare = msgspec.structs.replace(kit, access={})
    assert "is not on this page; keep that, too" in bare.text(now())
    assert "Keep this page apart" in kit_in(box).text(now())
    with pytest.raises(KitDamaged, match="its check does not fit"):
        read_kit(page.replace("YQpiCg==", "YQpjCg=="))
    with pytest.raises(KitDamaged, match="“Access ssh_key” is damaged"):
        read_kit(page.replace("YQpiCg==", "YQp"))
