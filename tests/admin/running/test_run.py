"""`studio run` against a whole box: from a file on this machine to files on this machine."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from appliance.supervisor import Supervisor
from tests.appliance.box import ROOT, Box, box_environment, studio
from tests.e2e.person import OWNER, Person
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

PICTURE = """
from app.flow.builder import Workflow

workflow = Workflow("Smaller")
photo = workflow.input("photo", "image")
width = workflow.input("width", "number", default=64)
small = workflow.step("image.transform", image=photo, width=width)
workflow.output("picture", small.image)
workflow.output("width", small.width)
"""


def work(name: str, **values: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "name": name,
        "nodes": [{"id": "labour", "type": "debug.work", "with": {"value": "done", **values}}],
        "outputs": {"word": "{{ steps.labour.outputs.value }}"},
    }


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("box")
    roles = "postgres,redis,api,daemon,worker-cpu"
    env = box_environment(folder, STUDIO_ROLES=roles, HOST="127.0.0.1", **OWNER)
    with Box(env) as box:
        box.wait_for("Studio is ready at", timeout_s=120)
        yield box


@pytest.fixture(scope="module")
def env(box: Box) -> Mapping[str, str]:
    """What the operator's shell has: the box's settings, but not its claim."""
    return {name: value for name, value in box.env.items() if name not in OWNER}


@pytest.fixture(scope="module")
def ada(box: Box) -> Iterator[Person]:
    person = Person(f"http://127.0.0.1:{box.env['PORT']}")
    person.log_in(OWNER["ADMIN_EMAIL"], OWNER["ADMIN_PASSWORD"])
    yield person
    person.close()


def rest_of(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """What a command still says until it ends; what it says on standard error fits into its pipe."""
    assert process.stdout is not None
    assert process.stderr is not None
    out = process.stdout.read()
    process.wait(PATIENCE_S)
    return out, process.stderr.read()


def written(folder: Path, document: dict[str, Any]) -> Path:
    path = folder / "work.json"
    path.write_text(json.dumps(document, indent=2))
    return path


def called(ada: Person, name: str) -> list[dict[str, Any]]:
    return [one for one in ada.get("/api/v1/workflows", limit=200)["items"] if one["name"] == name]


def test_a_picture_goes_in_and_a_smaller_one_comes_out(
    env: Mapping[str, str], ada: Person, tmp_path: Path
) -> None:
    Image.new("RGB", (200, 100), "teal").save(tmp_path / "large.png")
    (tmp_path / "smaller.py").write_text(PICTURE)
    arguments = (str(tmp_path / "smaller.py"), "-i", f"photo=@{tmp_path}/large.png", "-i", "width=50")
    done = studio(env, "run", *arguments, "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "✓ transform" in done.stdout
    assert "Smaller #1 completed" in done.stdout
    made = list((tmp_path / "out").iterdir())
    assert [str(path) in done.stdout for path in made] == [True]
    with Image.open(made[0]) as picture:
        assert picture.size == (50, 25)
    assert [one["version"] for one in called(ada, "Smaller")] == [1]


def test_the_same_file_makes_no_version_and_a_changed_one_a_draft(
    env: Mapping[str, str], ada: Person, tmp_path: Path
) -> None:
    path = written(tmp_path, work("Steady"))
    for _ in range(2):
        assert studio(env, "run", str(path), "--follow").returncode == 0
    assert [(one["version"], one["draft_version"]) for one in called(ada, "Steady")] == [(1, None)]
    written(tmp_path, {**work("Steady"), "outputs": {"word": "changed"}})
    done = studio(env, "run", str(path), "--follow", "--json")
    assert json.loads(done.stdout.splitlines()[-1])["ended"]["outputs"] == {"word": "changed"}
    assert [(one["version"], one["draft_version"]) for one in called(ada, "Steady")] == [(1, 2)]
    assert studio(env, "run", str(path), "--publish").returncode == 0
    assert [(one["version"], one["draft_version"]) for one in called(ada, "Steady")] == [(2, None)]


def test_for_machines_every_line_is_json_from_start_to_end(env: Mapping[str, str], tmp_path: Path) -> None:
    done = studio(env, "run", str(written(tmp_path, work("Lines"))), "--follow", "--json")
    first, *events, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert first["instance"]["workflow_name"] == "Lines"
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "instance.completed"
    assert last["ended"]["status"] == "completed"


def test_a_run_that_fails_ends_with_one_and_the_reason(env: Mapping[str, str], tmp_path: Path) -> None:
    done = studio(env, "run", str(written(tmp_path, work("Failing", fail="bad_input"))), "--follow")
    assert done.returncode == 1
    assert "✗ labour" in done.stdout
    assert "Failing #1 failed" in done.stdout


def test_a_file_with_mistakes_ends_with_two_and_leaves_nothing(
    env: Mapping[str, str], ada: Person, tmp_path: Path
) -> None:
    wrong = work("Wrong")
    wrong["nodes"][0]["type"] = "debug.wrok"
    path = written(tmp_path, wrong)
    done = studio(env, "run", str(path), "--follow")
    assert done.returncode == 2
    assert f"{path}:7:15: labour.type: There is no step type “debug.wrok”." in done.stderr
    assert "has 1 mistake; nothing was started." in done.stderr
    assert called(ada, "Wrong") == []


def test_inputs_that_do_not_fit_end_with_two_and_leave_nothing(
    env: Mapping[str, str], ada: Person, tmp_path: Path
) -> None:
    asking = {**work("Asking"), "inputs": {"word": {"type": "text", "max": 3}, "photo": {"type": "image"}}}
    path = written(tmp_path, asking)
    done = studio(env, "run", str(path), "-i", "word=too long")
    assert done.returncode == 2
    assert "--input word: " in done.stderr
    assert "--input photo: " in done.stderr
    assert called(ada, "Asking") == []
    done = studio(env, "run", str(path), "-i", "word=yes", "-i", f"photo=@{path}")
    assert done.returncode == 2
    assert "--input photo: " in done.stderr


def test_checking_saves_and_runs_nothing(env: Mapping[str, str], ada: Person, tmp_path: Path) -> None:
    path = written(tmp_path, work("Looked at"))
    done = studio(env, "run", str(path), "--check")
    assert (done.returncode, done.stdout) == (0, f"{path} has no mistakes.\n")
    assert called(ada, "Looked at") == []


def test_ctrl_c_cancels_the_instance(env: Mapping[str, str], ada: Person, tmp_path: Path) -> None:
    path = written(tmp_path, work("Endless", seconds=600))
    command = [sys.executable, "-m", "appliance.cli", "run", str(path), "--follow", "--json"]
    process = subprocess.Popen(
        command, env=dict(env), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    instance = json.loads(process.stdout.readline())["instance"]
    process.stdout.readline()  # an event: it follows
    process.send_signal(signal.SIGINT)
    out, err = rest_of(process)
    assert process.returncode == 130, err
    assert "Cancelling the instance" in err
    assert json.loads(out.splitlines()[-1])["ended"]["status"] == "cancelled"
    assert ada.get(f"/api/v1/instances/{instance['id']}")["status"] == "cancelled"


def test_it_goes_on_when_the_api_is_killed(box: Box, env: Mapping[str, str], tmp_path: Path) -> None:
    path = written(tmp_path, work("Outliving", seconds=6))
    command = [sys.executable, "-m", "appliance.cli", "run", str(path), "--follow", "--json"]
    process = subprocess.Popen(
        command, env=dict(env), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.readline()  # an event: it follows
    states = Supervisor(Path(box.env["STUDIO_RUN_DIR"]) / "supervisor.sock").states()
    os.kill(next(one.pid for one in states if one.name == "api"), signal.SIGKILL)
    out, err = rest_of(process)
    assert process.returncode == 0, err
    events = [json.loads(line) for line in out.splitlines()[:-1]]
    assert [event["seq"] for event in events] == list(range(2, len(events) + 2))
    assert events[-1]["type"] == "instance.completed"


def test_a_person_signs_in_from_elsewhere_and_leaves_no_sign_in_behind(
    env: Mapping[str, str], ada: Person, tmp_path: Path
) -> None:
    path = written(tmp_path, work("From afar"))
    url = f"http://127.0.0.1:{env['PORT']}"
    elsewhere = {"PATH": env["PATH"], "WORKSPACE_PATH": str(tmp_path / "none")}
    before = len(ada.get("/api/v1/auth/sessions")["items"])
    arguments = ("run", str(path), "--url", url, "--email", OWNER["ADMIN_EMAIL"])
    done = studio({**elsewhere, "STUDIO_PASSWORD": OWNER["ADMIN_PASSWORD"]}, *arguments)
    assert done.returncode == 0, done.stderr
    assert "From afar #1" in done.stdout
    assert studio(env, "run", str(path)).returncode == 0  # by the keys of the box
    assert len(ada.get("/api/v1/auth/sessions")["items"]) == before
    refused = studio({**elsewhere, "STUDIO_PASSWORD": "a wrong one"}, *arguments)
    assert (refused.returncode, refused.stderr) == (1, "The email address or the password is wrong.\n")
    nobody = studio(elsewhere, "run", str(path), "--url", url)
    assert nobody.returncode == 2
    assert "Say who you are" in nobody.stderr
    boxless = studio(elsewhere, "run", str(path))
    assert boxless.returncode == 2
    assert "There is no box of yours" in boxless.stderr


def test_a_box_that_does_not_answer_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, work("Nowhere"))
    env = {"PATH": os.environ["PATH"], "STUDIO_TOKEN": "any"}
    done = studio(env, "run", str(path), "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert done.stderr.startswith("Nothing answers at http://127.0.0.1:9 (ConnectError).")


def test_a_workflow_that_brings_others_along_is_imported_once(
    env: Mapping[str, str], ada: Person, tmp_path: Path
) -> None:
    inner = ada.post("/api/v1/workflows", {"definition": work("Inner")})
    calling = work("Outer")
    calling["nodes"] = [{"id": "inner", "type": "core.workflow", "with": {"workflow": inner["id"]}}]
    calling["outputs"] = {"word": "{{ steps.inner.outputs.word }}"}
    outer = ada.post("/api/v1/workflows", {"definition": calling})
    file = ada.get(f"/api/v1/workflows/{outer['id']}/export")
    file["name"] = "Carried"
    path = written(tmp_path, file)
    for number in (1, 2):
        done = studio(env, "run", str(path), "--follow")
        assert done.returncode == 0, done.stderr
        assert f"Carried #{number} completed" in done.stdout
    assert len(called(ada, "Carried")) == 1


def test_two_workflows_of_one_name_ask_which(env: Mapping[str, str], ada: Person, tmp_path: Path) -> None:
    ids = [ada.post("/api/v1/workflows", {"definition": work("Twin")})["id"] for _ in range(2)]
    path = written(tmp_path, work("Twin"))
    done = studio(env, "run", str(path))
    assert done.returncode == 2
    assert all(f"--workflow {one}" in done.stderr for one in ids)
    assert studio(env, "run", str(path), "--workflow", ids[0]).returncode == 0


def test_help_tells_how_without_a_box() -> None:
    done = studio({"PATH": os.environ["PATH"]}, "run", "--help")
    assert done.returncode == 0
    assert "photo=@picture.jpg" in done.stdout
    assert "130 interrupted" in done.stdout
    assert "run " in studio({"PATH": os.environ["PATH"]}, "--help").stdout
