"""`studio run FILE`: save a workflow, start it, watch it, and fetch what it made."""

import re
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import httpx
import msgspec

from app.admin.running import sign_in
from app.admin.running.api import PATIENCE_WHILE_WATCHING_S, Api, Refusal
from app.admin.running.faults import Ended, Unusable
from app.admin.running.follow import follow
from app.admin.running.given import read_inputs, uploads_in, with_assets
from app.admin.running.screen import Machine, Person, Screen
from app.admin.running.source import Source, declared_inputs, load
from app.flow.document import parse
from app.flow.inputs import prepare_inputs
from app.flow.portable import alike
from app.kit.codec import to_plain
from app.kit.errors import Complaint, Invalid
from app.steps.discovery import catalog

INTERRUPTED = 130  # as a shell says it of what Ctrl-C ended

Json = dict[str, Any]

HELP = """Run a workflow from a file, and watch it.

FILE is a workflow document or an exported workflow (.json), or Python that builds one with
app.flow.builder (.py), which is executed here as your own code.

It is saved under its name: a workflow of that name gets it as its next version, a draft, so what
triggers and others run stays as it is; --publish changes that. The same document again makes no version.

\b
Inputs, each as --input NAME=VALUE:
  title="Our trip"           text; @notes.txt reads it from a file
  count=3  loud=yes          numbers and booleans
  options='{"a": 1}'         JSON; @options.json reads it from a file
  photo=@picture.jpg         a file, uploaded first; asset:<id> is one that is there
  photos=@a.jpg              lists: once an item, or a pattern: "photos=@holiday/*.jpg"

On the box itself no sign-in is needed. Elsewhere name it with --url, and say who you are: --email with
STUDIO_PASSWORD in the environment, or an access token in STUDIO_TOKEN.

\b
Exit code: 0 completed or, without --follow, started
           1 failed, cancelled, or the box did not answer
           2 the file, the inputs or the options cannot be used; nothing was started
         130 interrupted; with --follow the instance was asked to cancel
"""


@click.command("run", help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--input", "-i", "pairs", multiple=True, metavar="NAME=VALUE", help="A value; may be repeated.")
@click.option("--follow", "-f", "follows", is_flag=True, help="Watch it to its end; Ctrl-C cancels it.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="The same, then write its files here."
)
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON object a line.")
@click.option("--check", "only_checks", is_flag=True, help="Only look for mistakes; nothing is saved or run.")
@click.option("--publish", is_flag=True, help="From now on it is what triggers and others run.")
@click.option("--workflow", "workflow_id", metavar="ID", help="Save it there, whatever its name.")
@click.option("--url", metavar="URL", help="Another box; the default is the one here.")
@click.option("--email", metavar="ADDRESS", help="Sign in as this person.")
def run(
    *,
    file: Path,
    pairs: tuple[str, ...],
    follows: bool,
    out: Path | None,
    as_json: bool,
    only_checks: bool,
    publish: bool,
    workflow_id: str | None,
    url: str | None,
    email: str | None,
) -> int:
    """The command; its exit code."""
    source = load(file, catalog())
    inputs = read_inputs(declared_inputs(source), pairs)
    address, person = sign_in.find(url, email)
    api = Api(address, person)
    api.enter()
    try:
        refuse_mistakes(api, source)
        if only_checks:
            click.echo(f"{source.name} has no mistakes.", err=as_json)
            return 0
        refuse_unfit(source, inputs)
        screen: Screen = Machine() if as_json else Person()
        with screen:
            place = keep(api, source, workflow_id, publish=publish)
            instance = start(api, place, inputs)
            screen.begun(instance, address)
            if not follows and out is None:
                return 0
            return watch(api, screen, instance, out)
    finally:
        leave(api)


def refuse_mistakes(api: Api, source: Source) -> None:
    """Raises Unusable with every complaint that the box has about the document."""
    if source.portable.workflows:
        return  # they are checked together, when they are imported
    errors = api.post("/api/v1/workflows/validate", {"definition": source.portable.definition})["errors"]
    if errors:
        raise source.refusal(msgspec.convert(errors, tuple[Complaint, ...]))


def refuse_unfit(source: Source, inputs: Mapping[str, Any]) -> None:
    """Raises Unusable for inputs that do not fit, before anything is uploaded or saved."""
    try:
        definition = parse(source.portable.definition)
        nothing = dict.fromkeys(uploads_in(inputs), str(UUID(int=0)))
        prepare_inputs(definition, with_assets(inputs, nothing))
    except Invalid as exc:
        raise unfit(exc.detail, exc.complaints) from None


def unfit(detail: str, complaints: Sequence[Complaint]) -> Unusable:
    """Complaints about inputs, each behind the option that gives it."""
    places = [re.sub(r"^inputs\.", "--input ", one.field or "") for one in complaints]
    return Unusable(
        *(f"{place}: {one.message}" for place, one in zip(places, complaints, strict=True)), detail
    )


def keep(api: Api, source: Source, workflow_id: str | None, *, publish: bool) -> Json:
    """Save the workflow where it belongs; which workflow and version to start."""
    found = workflow_id or _named(api, source.portable.name)
    try:
        if source.portable.workflows:
            return _keep_family(api, source, found)
        if found is None:
            made = api.post(
                "/api/v1/workflows",
                {
                    "name": source.portable.name,
                    "description": source.portable.description,
                    "definition": source.portable.definition,
                },
            )
        else:
            made = api.put(
                f"/api/v1/workflows/{found}/definition",
                {"definition": source.portable.definition, "note": "studio run", "publish": publish},
            )
    except Refusal as refusal:
        raise (source.refusal(refusal.complaints) if refusal.complaints else refusal) from None
    return {"workflow_id": made["id"], "version": made["draft_version"] or made["version"]}


def _keep_family(api: Api, source: Source, found: str | None) -> Json:
    """A workflow that brings others along is imported, unless the very same is there already."""
    if found is not None:
        here = api.get(f"/api/v1/workflows/{found}/export")
        if alike(here, to_plain(source.portable), catalog()):
            return {"workflow_id": found, "version": here["version"]}
    made = api.post("/api/v1/workflows/import", to_plain(source.portable))
    return {"workflow_id": made["id"], "version": made["version"]}


def _named(api: Api, name: str) -> str | None:
    """The one workflow of this name. Raises Unusable when there are several."""
    found: list[Json] = []
    cursor: Json = {}
    while True:
        page = api.get("/api/v1/workflows", limit=200, **cursor)
        found += [one for one in page["items"] if one["name"] == name and not one["is_sample"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    if len(found) > 1:
        ids = "\n".join(f"  --workflow {one['id']}" for one in found)
        raise Unusable(f"There are {len(found)} workflows called “{name}”; say which:", ids)
    return str(found[0]["id"]) if found else None


def start(api: Api, place: Json, inputs: Mapping[str, Any]) -> Json:
    """Upload what has to be there first, and begin. Raises Unusable for inputs that do not fit."""
    assets = {path: api.upload(path) for path in uploads_in(inputs)}
    try:
        started: Json = api.post("/api/v1/instances", {**place, "inputs": with_assets(inputs, assets)})
    except Refusal as refusal:
        if refusal.status != httpx.codes.UNPROCESSABLE_ENTITY:
            raise
        raise unfit(refusal.lines[0], refusal.complaints) from None
    return started


def watch(api: Api, screen: Screen, instance: Json, out: Path | None) -> int:
    """Follow it to its end and fetch its files; Ctrl-C cancels it."""
    path = f"/api/v1/instances/{instance['id']}"
    api.patience_s = PATIENCE_WHILE_WATCHING_S
    try:
        for message in follow(
            api, instance["id"], lambda: screen.said("The box does not answer; waiting for it.")
        ):
            screen.heard(message)
    except KeyboardInterrupt:
        screen.said("Cancelling the instance…")
        api.post(f"{path}/cancel")
        screen.ended(api.get(path), {})
        return INTERRUPTED
    ended = api.get(path)
    files = {} if out is None else fetch(api, ended["outputs"], out)
    screen.ended(ended, files)
    return 0 if ended["status"] == "completed" else 1


def fetch(api: Api, outputs: Any, folder: Path) -> dict[str, Path]:
    """Write every file of the outputs into the folder, under its own name; two of one name get numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Path] = {}
    for asset, name in _assets_in(outputs):
        if asset in written:
            continue
        # A name is a stranger's word: whatever it holds, the file stays in the folder.
        plain = Path(name.replace("\\", "/")).name.lstrip(".") or "file"
        target, number = folder / plain, 1
        while target in written.values():
            number += 1
            target = folder / f"{Path(plain).stem}-{number}{Path(plain).suffix}"
        api.download(asset, target)
        written[asset] = target
    return written


def _assets_in(value: Any) -> list[tuple[str, str]]:
    match value:
        case {"asset": str(asset), "name": str(name)}:
            return [(asset, name)]
        case dict():
            return [found for one in value.values() for found in _assets_in(one)]
        case list():
            return [found for one in value for found in _assets_in(one)]
        case _:
            return []


def leave(api: Api) -> None:
    """Sign out; a box that has gone away meanwhile needs no goodbye."""
    try:
        api.leave()
    except Exception as exc:  # noqa: BLE001  the command has its result; this must not take its place
        click.echo(f"Signing out did not work: {exc}", err=True)


def main(arguments: Sequence[str]) -> int:
    """Run the command line; its exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        return int(run.main(list(arguments), prog_name="studio run", standalone_mode=False) or 0)
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        exc.show()
        return Unusable.exit_code
    except Ended as exc:
        sys.stderr.write("\n".join(exc.lines) + "\n")
        return exc.exit_code
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("Interrupted.\n")
        return INTERRUPTED
