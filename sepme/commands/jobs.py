"""`sepme jobs` and `sepme events`: work that was asked for, looked at, followed and cancelled."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Annotated, Any

import typer

from sepme.commands import following, printing, problems
from sepme.commands.endings import DONE, FINDING, CannotDo
from sepme.commands.options import AsJson
from sepme.commands.service import KeyFile, ProfileName, Url, connected
from sepme_core.terms import JobKind, JobState

COLUMNS = ("id", "kind", "state", "concept", "progress", "created", "case")


def jobs(
    job_id: Annotated[str | None, typer.Argument(metavar="ID", help="This one.")] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel it.")] = False,
    state: Annotated[JobState | None, typer.Option(help="List those alone that are so.")] = None,
    kind: Annotated[JobKind | None, typer.Option(help="List those alone.")] = None,
    concept: Annotated[str | None, typer.Option(metavar="NAME", help="List those about it alone.")] = None,
    case: Annotated[str | None, typer.Option(metavar="CASE", help="List those filed under it alone.")] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="List so many at most, the newest first.")] = 50,
    as_json: AsJson = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """List jobs, or say all of one, or cancel it. Everybody's with the scope `jobs:read`, else one's own."""
    if job_id is None and cancel:
        raise CannotDo("--cancel is for one job: name its ID; `sepme jobs --state running` lists them")
    with connected(url, key_file, profile, as_json=as_json) as client:
        if job_id is None:
            found = client.jobs.list(state=state, kind=kind, concept=concept, case=case, page_size=min(most, 200))
            _list([job.document for job in islice(found, most)], as_json=as_json)
            return DONE
        document = (client.jobs.cancel(job_id) if cancel else client.jobs.get(job_id)).document
    if as_json:
        printing.document(document)
    else:
        printing.lines(_said(document))
    return DONE


def events(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job.")],
    after: Annotated[int, typer.Option(metavar="N", help="What came after this event alone.")] = 0,
    as_json: AsJson = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """Follow a job to its end: a line for each event; with --json an array that is closed at the end.

    The exit status is 1 where it failed or was cancelled.
    """
    with connected(url, key_file, profile, as_json=as_json) as client:
        job = client.jobs.get(job_id)
        told: Iterator[dict[str, Any]] = (
            {"id": event.id, "event": event.kind, "data": event.data} for event in job.events(after=after)
        )
        if as_json:
            _print_array(told)
        else:
            for event in told:
                printing.lines([f"{event['id']:>4}  {event['event']:9}  {_in_words(event['data'])}".rstrip()])
        ended = job.refresh()
    return following.ending(ended.document, quiet=True) if ended.finished else FINDING


def _list(documents: list[Any], *, as_json: bool) -> None:
    if as_json:
        printing.document({"items": documents})
    else:
        printing.table(COLUMNS, (_row(each) for each in documents), "There are no jobs.")


def _row(job: Mapping[str, Any]) -> list[Any]:
    progress = following.in_words(job["progress"]) if job["state"] == "running" else None
    return [job["id"], job["kind"], job["state"], job["concept"], progress, job["created_at"][:19], job["case"]]


def _said(job: Mapping[str, Any]) -> list[str]:
    about = f"{job['kind']} {job['concept'] or ''}".strip()
    lines = [f"{job['id']}: {about}, {job['state']}"]
    lines += printing.members(
        [
            ("progress", following.in_words(job["progress"]) if job["state"] == "running" else None),
            ("attempt", job["attempt"] or None),
            ("to be cancelled", "yes" if job["cancel_requested"] and job["state"] == "running" else None),
            ("cancelled by", job["cancelled_by"]),
            *(
                (name, job[name])
                for name in ("case", "reason", "request_id", "created_at", "started_at", "finished_at")
            ),
            ("pictures", _pictures(job["result"] or {})),
        ]
    )
    return [*lines, *(["", problems.said(job["problem"])] if job["problem"] else [])]


def _pictures(result: Mapping[str, Any]) -> str | None:
    return ", ".join(image["url"] for image in result.get("images", [])) or None


def _in_words(data: Mapping[str, Any]) -> str:
    if "step" in data:
        return following.in_words(data)
    return f"{data['problem']['title']}: {data['problem']['detail']}" if data.get("problem") else ""


def _print_array(told: Iterable[Mapping[str, Any]]) -> None:
    """One document, that can be read while it comes."""
    print("[", end="")
    for number, event in enumerate(told):
        print(f"{',' if number else ''}\n  {json.dumps(event, ensure_ascii=False)}", end="", flush=True)
    print("\n]")
