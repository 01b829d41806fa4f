"""The README's commands work as they stand there, and its table names the settings that there are."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from PIL import Image

from app.flow.builder import Workflow
from app.flow.check import check
from app.kit.settings import NOT_YET, load_settings
from app.steps.discovery import catalog
from tests.appliance.box import ROOT, Box, box_environment
from tests.e2e.person import OWNER, Person
from tests.patience import PATIENCE_S

README = (ROOT / "README.md").read_text()
SET_BY_OTHERS = {"RUNPOD_POD_ID", "RUNPOD_VOLUME_ID"}  # read, but not for anybody to set


def blocks(language: str) -> list[str]:
    """The code of this language, block by block."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.mark.integration
def test_the_commands_for_a_script_start_the_sample(tmp_path: Path) -> None:
    calls, hook = [block for block in blocks("sh") if "$api" in block]
    Image.new("RGB", (64, 48), "teal").save(tmp_path / "photo.jpg")
    env = box_environment(tmp_path, STUDIO_ROLES="api,postgres,redis", HOST="127.0.0.1", **OWNER)
    with Box(env) as box:
        box.wait_for("Studio is ready at")
        address = f"http://127.0.0.1:{env['PORT']}"
        assert "http://127.0.0.1:8000/" in calls and OWNER["ADMIN_EMAIL"] in calls
        script = f"{calls}\n{hook}".replace("http://127.0.0.1:8000", address)
        script = script.replace("…", OWNER["ADMIN_PASSWORD"])
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stderr
        started, end = json.JSONDecoder().raw_decode(done.stdout)
        assert re.fullmatch(rf"\s*{address}/hooks/\S+\s+\S+\s*", done.stdout[end:]), done.stdout
        person = Person(address)
        person.log_in(OWNER["ADMIN_EMAIL"], OWNER["ADMIN_PASSWORD"])
        instance = person.get(f"/api/v1/instances/{started['id']}")
        person.close()
    assert instance["inputs"]["title"] == "Our trip"
    (photo,) = instance["inputs"]["photos"]
    assert photo["name"] == "photo.jpg"


def test_the_workflow_written_in_python_has_no_mistakes() -> None:
    (code,) = blocks("python")
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102  the README's own
    (story,) = [value for value in names.values() if isinstance(value, Workflow)]
    assert check(story.document(), catalog()) == []


class Recorder(Mapping[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def settings_of_the_table() -> Iterator[str]:
    """Every name in the first column of the table of settings."""
    table = README.split("\n## Settings\n")[1].split("\n## ")[0]
    for row in table.splitlines():
        if row.startswith("| `"):
            yield from re.findall(r"`([A-Z_]+)`", row.split("|")[1])


def test_the_table_of_settings_names_every_one_and_no_other() -> None:
    recorder = Recorder()
    load_settings(recorder)
    read = {name.removesuffix("_FILE") for name in recorder.asked} - set(NOT_YET) - SET_BY_OTHERS
    assert sorted(settings_of_the_table()) == sorted(read)


def test_what_the_table_of_troubles_quotes_is_what_people_are_told() -> None:
    table = README.partition("## When something is wrong")[2].partition("\n## ")[0]
    quoted = re.findall("“([^”]+)”", table)
    sources = "\n".join(
        path.read_text()
        for place, kind in (("app", "*.py"), ("appliance", "*.py"), ("app/ui/src", "*.ts"))
        for path in (ROOT / place).rglob(kind)
    )
    assert len(quoted) > 7
    forms = {words: ".*".join(map(re.escape, words.split("…"))) for words in quoted}
    assert [words for words, form in forms.items() if not re.search(form, sources)] == []
