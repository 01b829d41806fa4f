"""The file of `studio run`: read or built, and its mistakes pointed at as a compiler does."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.admin.running.faults import Unusable
from app.admin.running.places import place_of
from app.admin.running.source import load
from app.flow.portable import Embedded, pack
from app.kit.codec import encode_text
from app.kit.errors import Complaint
from tests.flow.samples import CATALOG, picture_story

BUILT = """
from app.flow.builder import Workflow

story = Workflow("Built")
photo = story.input("photo", "image")
picture = story.step("image.draw", image=photo)
story.output("picture", picture.image)
print("not our answer")
"""


def refused(path: Path) -> str:
    with pytest.raises(Unusable) as fault:
        load(path, CATALOG)
    return fault.value.lines[0]


def test_a_document_and_an_exported_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "story.json"
    path.write_text(json.dumps(picture_story()))
    assert load(path, CATALOG).portable.definition == picture_story()
    root = Embedded(id="1", version=1, name="Exported", definition=picture_story())
    path.write_text(encode_text(pack(root, (), CATALOG, "1")))
    source = load(path, CATALOG)
    assert (source.portable.name, source.is_export) == ("Exported", True)


def test_python_is_run_and_its_prints_are_no_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "story.py"
    (tmp_path / "helper_of_the_story.py").write_text("NAME = 'Built with help'\n")
    path.write_text(
        BUILT.replace(
            'Workflow("Built")', 'Workflow(__import__("helper_of_the_story").NAME, description="d")'
        )
    )
    portable = load(path, CATALOG).portable
    assert portable.name == "Built with help"
    assert portable.definition["nodes"][0]["type"] == "image.draw"
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "not our answer\n")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("story.step('image.drwa')", ":9: There is no step type “image.drwa”."),
        ("picture.imag", ":9: Step “draw” (image.draw) has no output “imag”. Did you mean “image”?"),
        ("1 / 0", ":9: ZeroDivisionError: division by zero"),
        ("def (:", ":9:5: invalid syntax."),
        ("other = Workflow('Other')", ": This file makes several workflows, “story” and “other”"),
    ],
)
def test_a_line_of_python_that_fails_is_named(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "story.py"
    path.write_text(f"{BUILT}{line}\n")
    assert refused(path).startswith(f"{path}{told}")


def test_what_is_no_workflow_file_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "story.json"
    assert refused(path) == f"{path} cannot be read: No such file or directory."
    assert refused(tmp_path / "story.py").endswith("there is no such file.")
    path.write_text('{"schema": 1,\n  "name": oops}')
    assert refused(path).startswith(f"{path}:2:11: This is not JSON")
    path.write_text('{\n  "format": "n8n"}')
    assert refused(path).startswith(f"{path}:2:13: format: This is a file of “n8n”")
    path.write_bytes(b"\xff\xfe\x00")
    assert refused(path).endswith("is neither JSON nor a Python file (.py).")


def test_complaints_point_at_line_and_column_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "story.json"
    path.write_text(json.dumps(picture_story(), indent=2))
    lines = path.read_text().splitlines()
    source = load(path, CATALOG)
    refusal = source.refusal(
        [
            Complaint(message="late", field="outputs.film", column=7),
            Complaint(message="here", node="film", field="with.title"),
            Complaint(message="whole", node="frames"),
            Complaint(message="nowhere"),
        ]
    )
    places = [line.split(":")[1:3] for line in refusal.lines[:-1]]
    words = [lines[int(line) - 1][int(column) - 1 :] for line, column in places]
    assert words[0].startswith("{")
    assert words[2:] == ['"{{ inputs.title }}"', '"{{ steps.film.outputs.video }}"']
    assert [line.split(": ", 1)[1] for line in refusal.lines[:-1]] == [
        "nowhere",
        "frames: whole",
        "film.with.title: here",
        "outputs.film, column 7: late",
    ]
    assert refusal.lines[-1] == f"{path} has 4 mistakes; nothing was started."


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,3}", fullmatch=True), json_values, min_size=1),
    st.sampled_from([None, 2]),
)
def test_any_value_of_any_document_is_found(document: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(document, indent=indent)
    for name, value in document.items():
        line, column = place_of(text, Complaint(message="", field=name))
        rest = "\n".join(text.split("\n")[line - 1 :])[column - 1 :]
        found, _ = json.JSONDecoder().raw_decode(rest)
        assert found == value
