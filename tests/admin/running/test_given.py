"""`--input name=value`: what people type becomes a value of the declared type, or a fault."""

from pathlib import Path
from typing import Any

import pytest

from app.admin.running.faults import Unusable
from app.admin.running.given import Upload, read_inputs, uploads_in, with_assets

DECLARED: dict[str, Any] = {
    "title": {"type": "text"},
    "count": {"type": "number"},
    "loud": {"type": "boolean"},
    "options": {"type": "json"},
    "words": {"type": "text[]"},
    "sizes": {"type": "number[]"},
    "meaning": {"type": "vector"},
    "photo": {"type": "image"},
    "photos": {"type": "image[]"},
}


@pytest.mark.parametrize(
    ("pairs", "values"),
    [
        (["title=Our trip"], {"title": "Our trip"}),
        (["title="], {"title": ""}),
        (["title=a=b"], {"title": "a=b"}),
        (["title=@@home"], {"title": "@home"}),
        (["count=3", "loud=yes"], {"count": 3, "loud": True}),
        (["count=-2.5e3"], {"count": -2500}),
        (["count=0.1"], {"count": 0.1}),
        (["loud=False"], {"loud": False}),
        (['options={"a": [1, null]}'], {"options": {"a": [1, None]}}),
        (['options="text"'], {"options": "text"}),
        (["words=one", "words=two"], {"words": ["one", "two"]}),
        (['words=["one", "two"]'], {"words": ["one", "two"]}),
        (["sizes=1", "sizes=2.5"], {"sizes": [1, 2.5]}),
        (["meaning=[0.5, 1]"], {"meaning": [0.5, 1]}),
        (["photo=asset:123"], {"photo": {"asset": "123"}}),
    ],
)
def test_values_are_read_by_their_declared_type(pairs: list[str], values: dict[str, Any]) -> None:
    assert read_inputs(DECLARED, pairs) == values


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("title", "--input title: write it as name=value."),
        ("titel=x", "--input titel: the workflow has no such input. Did you mean “title”?"),
        ("count=three", "--input count: “three” is not a number."),
        ("count=nan", "--input count: “nan” is not a number one can count with."),
        ("loud=maybe", "--input loud: “maybe” is not true or false."),
        ("options={a: 1}", "--input options: this is not JSON: Expecting property name"),
        ("title=@/no/such/file", "--input title: /no/such/file cannot be read: No such file"),
        ("photo=picture.jpg", "--input photo: “picture.jpg” names no file; write @picture.jpg"),
        ("photo=@no-such.jpg", "--input photo: there is no file no-such.jpg."),
    ],
)
def test_what_cannot_be_read_names_the_option(pair: str, sentence: str) -> None:
    with pytest.raises(Unusable) as fault:
        read_inputs(DECLARED, [pair])
    assert fault.value.lines[0].startswith(sentence)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(Unusable) as fault:
        read_inputs(DECLARED, ["count=x", "loud=x", "nothing=1"])
    assert len(fault.value.lines) == 3


def test_a_workflow_without_inputs_says_so() -> None:
    with pytest.raises(Unusable, match=r"no such input\. It has none"):
        read_inputs({}, ["title=x"])


def test_texts_and_json_may_stand_in_files(tmp_path: Path) -> None:
    note = tmp_path / "note.json"
    note.write_text('["größer"]', encoding="utf-8")
    pairs = [f"title=@{note}", f"options=@{note}", f"words=@{note}"]
    assert read_inputs(DECLARED, pairs) == {
        "title": '["größer"]',
        "options": ["größer"],
        "words": ["größer"],
    }
    note.write_bytes(b"\xff\xfe")
    with pytest.raises(Unusable, match=r"cannot be read: it is no UTF-8 text"):
        read_inputs(DECLARED, [f"title=@{note}"])


def test_files_are_uploaded_once_and_named_by_their_assets(tmp_path: Path) -> None:
    first, second = tmp_path / "b.jpg", tmp_path / "a.jpg"
    for path in (first, second):
        path.write_bytes(b"x")
    values = read_inputs(
        DECLARED, [f"photo=@{first}", f"photos=@{tmp_path}/*.jpg", "photos=asset:7", f"photos=@{first}"]
    )
    assert values["photos"] == [Upload(second), Upload(first), {"asset": "7"}, Upload(first)]
    assert uploads_in(values) == [first, second]
    assert with_assets(values, {first: "1", second: "2"}) == {
        "photo": {"asset": "1"},
        "photos": [{"asset": "2"}, {"asset": "1"}, {"asset": "7"}, {"asset": "1"}],
    }
    with pytest.raises(Unusable, match="--input photo: it takes an image, and there are 2"):
        read_inputs(DECLARED, [f"photo=@{tmp_path}/*.jpg"])
