"""A form in the middle of a run, declared as the inputs of a workflow are and filled in alike.

So one set of rules, messages and form fields serves both: what a person fills in to start a workflow, and
what a running one asks for.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from app.flow.complaints import Complaints, Enough
from app.flow.definition import MAX_INPUTS, SCHEMA, Definition, Input
from app.flow.inputs import asset_ids, default_complaints, prepare_inputs, with_assets
from app.flow.ports import Asset
from app.flow.reading_inputs import read_rows
from app.kit.errors import Invalid


class FormUnreadable(Invalid):
    """The fields of this form are not declared as they should be."""


class FormUnfit(Invalid):
    """Some values do not fit the form; each complaint says which and why."""


def read_form(
    raw: Mapping[str, Any], complaints: Complaints, node: str | None, place: str
) -> dict[str, Input]:
    """The fields that could be read, with a complaint for each that could not. Raises Enough."""
    if len(raw) > MAX_INPUTS:
        message = f"A form has at most {MAX_INPUTS} fields; this one has {len(raw)}."
        complaints.add(message, node=node, field=place)
        return {}
    fields = read_rows(raw, complaints, node=node, prefix=place)
    for name, wanted in fields.items():
        for complaint in default_complaints(f"{place}.{name}", wanted, node):
            complaints.put(complaint)
    return fields


def check_form(raw: Mapping[str, Any], complaints: Complaints, node: str, place: str) -> None:
    """Complain about the fields of a form as it stands in a document; those with `{{ … }}` wait for a run."""
    if len(raw) > MAX_INPUTS:
        read_form(raw, complaints, node, place)
        return
    read_form(
        {name: field for name, field in raw.items() if not _has_template(field)}, complaints, node, place
    )


def form_of(raw: Mapping[str, Any]) -> Definition:
    """A form as the definition of something that has only inputs. Raises FormUnreadable."""
    complaints = Complaints()
    fields: dict[str, Input] = {}
    with suppress(Enough):
        fields = read_form(raw, complaints, None, "fields")
    if complaints:
        raise FormUnreadable(complaints=complaints.listed())
    return Definition(schema=SCHEMA, inputs=fields)


def files_in(form: Definition, raw: Any) -> list[str]:
    """The ids of the files among the values somebody filled in. Raises FormUnfit."""
    return asset_ids(form, _prepared(form, raw))


def fill_in(form: Definition, raw: Any, files: Mapping[str, Asset]) -> dict[str, Any]:
    """The values of a form, defaults filled in, each file with its facts. Raises FormUnfit.

    `files`: by id, what is known of them; a file that is not among them does not fit.
    """
    values = _prepared(form, raw)
    try:
        return with_assets(form, values, files)
    except Invalid as exc:
        raise FormUnfit(complaints=exc.complaints) from exc


def facts_within(value: Any) -> dict[str, Asset]:
    """The files that stand among filled-in values, whole, by id."""
    found: dict[str, Asset] = {}
    values = list(value.values()) if isinstance(value, Mapping) else []
    for one in values:
        for each in one if isinstance(one, list) else [one]:
            if isinstance(each, Mapping) and "asset" in each:
                with suppress(msgspec.ValidationError):
                    asset = msgspec.convert(each, Asset)
                    found[asset.asset] = asset
    return found


def _prepared(form: Definition, raw: Any) -> dict[str, Any]:
    try:
        return prepare_inputs(form, raw)
    except Invalid as exc:
        raise FormUnfit(None if exc.complaints else exc.detail, complaints=exc.complaints) from exc


def _has_template(value: Any) -> bool:
    match value:
        case str():
            return "{{" in value
        case list():
            return any(map(_has_template, value))
        case dict():
            return any(map(_has_template, value.values()))
        case _:
            return False
