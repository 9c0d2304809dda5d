"""One thing that is asked for under two names is one concept: it is looked at and refused, or said to be the same."""

import json
import shlex
import threading
from collections.abc import Callable
from typing import cast

import pytest
from sqlalchemy import select

from sepme_core.documents.requests import AskedErasure
from sepme_core.registry import concepts, jobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import Job
from tests.worker.pictures import drawn, seen
from tests.worker.processes import another, answer, work_off
from tests.worker.rows import CAT, accepted_erasure, problem, row, versions
from worker.process import WorkerProcess

A_CAT = {"prompts": ["a cat"]}


def ask_for_a_cat(worker: WorkerProcess, **body: object) -> str:
    """The id of the job, which has ended, to erase what is erased already under another name."""
    job_id = accepted_erasure(worker.engine, "a-cat", **A_CAT, **body)
    work_off(worker)
    return job_id


@pytest.mark.parametrize("kind", ["object", "other"])
def test_what_is_erased_under_another_name_is_refused_with_the_pictures_that_were_looked_at(
    worker_with_cat: WorkerProcess, kind: str
) -> None:
    worker = worker_with_cat
    refused = problem(worker.engine, ask_for_a_cat(worker, kind=kind))
    assert (refused["type"], refused["status"], refused["same_as"]) == ("same-concept", 409, "cat")
    assert refused["seen"] <= 1
    assert [each["erased"] for each in refused["pictures"]] == [False] * 3 + [True] * 3
    shown = seen(worker, [each["id"] for each in refused["pictures"]])
    assert shown[:3] == ["cat"] * 3
    assert "cat" not in shown[3:]
    assert versions(worker.engine, "a-cat") == []
    assert len(versions(worker.engine, "cat")) == 1


def sent_as(remedy: str) -> AskedErasure:
    """The request that a remedy's curl line makes, as the registry takes it."""
    command, _silent, url, _header, content, _data, body = shlex.split(remedy)
    assert (command, content) == ("curl", "Content-Type: application/json")
    _, _, _host, folder, name, action = url.split("/")
    assert (folder, action) == ("concepts", "erase")
    return cast("AskedErasure", {**json.loads(body), "name": name})


def test_the_remedy_makes_the_next_version_of_the_concept_with_both_wordings(worker_with_cat: WorkerProcess) -> None:
    worker = worker_with_cat
    refused = problem(worker.engine, ask_for_a_cat(worker, kind="object"))
    remedy = refused["remedy"]
    assert f"http://{worker.settings.host}:{worker.settings.port}/concepts/a-cat/erase" in remedy
    with writing(worker.engine) as session:
        job_id = concepts.accept_erasure(session, sent_as(remedy), "tests").job.id
    work_off(worker)
    assert row(worker.engine, job_id).state == "succeeded", row(worker.engine, job_id).problem
    assert [(each.version, each.reason) for each in versions(worker.engine, "cat")] == [(1, "erased"), (2, "erased")]
    with reading(worker.engine) as session:
        document = concepts.document(session, concepts.get(session, "cat"))
        mask = concepts.resolve_mask(session, "active").concepts
    assert document["prompts"] == ["cat", "a cat"]
    assert [(each.name, each.version) for each in mask] == [("cat", 2)]
    assert "cat" not in drawn(worker, "a cat")


def test_what_is_erased_for_good_is_not_touched_by_a_second_name_for_it(worker_with_cat: WorkerProcess) -> None:
    worker = worker_with_cat
    accepted_erasure(worker.engine, "cat", **CAT, irrevocable=True)
    before = versions(worker.engine, "cat")[-1].digest
    assert problem(worker.engine, ask_for_a_cat(worker, kind="object"))["type"] == "same-concept"
    assert [each.digest for each in versions(worker.engine, "cat")] == [before]
    with reading(worker.engine) as session:
        assert list(session.scalars(select(Job).where(Job.kind == "reproject"))) == []
        assert concepts.get(session, "cat").irrevocable


def test_a_group_with_another_name_for_what_is_erased_is_refused_and_no_other_member_becomes_that_name(
    worker_with_cat: WorkerProcess,
) -> None:
    worker = worker_with_cat
    names = ("a-cat", "fish")
    bodies: list[AskedErasure] = [
        {"name": name, "kind": "object", "prompts": [name.replace("-", " ")]} for name in names
    ]
    with writing(worker.engine) as session:
        job_ids = [one.job.id for one in concepts.accept_erasures(session, bodies, "tests", joint=True)]
    work_off(worker)
    for refused in (problem(worker.engine, each) for each in job_ids):
        assert (refused["type"], refused["same_as"]) == ("same-concept", "cat")
        assert "'a-cat'" in refused["detail"]
        assert "/concepts/fish/" not in refused.get("remedy", "")


def in_turn(worker: WorkerProcess, job_ids: list[str]) -> None:
    for job_id in job_ids:
        answer(worker, job_id)
    work_off(worker)


def the_other_way_round(worker: WorkerProcess, job_ids: list[str]) -> None:
    in_turn(worker, job_ids[::-1])


def by_two_workers(worker: WorkerProcess, job_ids: list[str]) -> None:
    """Each begins with another one of the jobs, and rings for what is put back until both have ended."""

    def work_until_both_have_ended(worker: WorkerProcess, first: str) -> None:
        answer(worker, first)
        while any(row(worker.engine, each).state in jobs.LIVE_STATES for each in job_ids):
            work_off(worker)

    workers = [another(worker, "first"), another(worker, "second")]
    threads = [
        threading.Thread(target=work_until_both_have_ended, args=each) for each in zip(workers, job_ids, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(200)
        assert not thread.is_alive()


@pytest.mark.parametrize("answer", [in_turn, the_other_way_round, by_two_workers])
def test_of_two_names_for_one_thing_that_come_together_the_first_is_erased_and_protects_nothing_of_the_other(
    worker: WorkerProcess, answer: Callable[[WorkerProcess, list[str]], None]
) -> None:
    names = ("cat", "a-cat")
    bodies: list[AskedErasure] = [
        {"name": name, "kind": "object", "prompts": [name.replace("-", " ")]} for name in names
    ]
    with writing(worker.engine) as session:
        job_ids = [one.job.id for one in concepts.accept_erasures(session, bodies, "tests")]
    answer(worker, job_ids)
    assert row(worker.engine, job_ids[0]).state == "succeeded", row(worker.engine, job_ids[0]).problem
    refused = problem(worker.engine, job_ids[1])
    assert (refused["type"], refused["same_as"]) == ("same-concept", "cat")
    (version,) = versions(worker.engine, "cat")
    assert version.pinned["known"] == []
    assert versions(worker.engine, "a-cat") == []
    assert [row(worker.engine, each).losses for each in job_ids] == [0, 0]
    with reading(worker.engine) as session:
        assert list(session.scalars(select(Job).where(Job.kind == "reproject"))) == []
