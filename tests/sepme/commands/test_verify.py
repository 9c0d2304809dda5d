"""`sepme verify --url`: over HTTP alone, before a real front end; a thread draws as a worker would."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from sepme.client import Client
from sepme.verification import service as verification
from sepme.verification.checks import Check
from sepme.verification.drawing import NewPictures, Redrawn
from sepme.verification.judging import Looked
from sepme.verification.service import Drawn, check_evidence, check_looks, check_mask, check_state
from sepme_core.provenance.identity import open_identity
from sepme_core.registry import concepts
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import writing
from sepme_core.registry.tables import Image as Row
from sepme_core.settings import Settings
from tests.app import working
from tests.app.bundles import erase
from tests.app.running import RunningService
from tests.sepme.commands.conftest import Run, Said

ALL = {"state", "bundle", "evidence drawn again", "mask"}


@pytest.fixture
def erased(service: RunningService, settings: Settings, engine: Engine, blobs: Blobs) -> Iterator[RunningService]:
    """A service where a cat is erased, and a dog restored, and a worker draws what is asked for and does no more."""
    for name in ("cat", "dog"):
        erase(engine, settings, name)
    with writing(engine) as session:
        concepts.restore(session, "dog", "somebody")
    with working.working(engine, blobs, {"generate"}):
        yield service


def verified(run: Run, service: RunningService, *options: str) -> Said:
    return run("verify", "--url", service.url, "--no-look", "--json", *options)


def checks_of(said: Said) -> dict[tuple[str, str], Any]:
    return {(each["concept"], each["name"]): each for each in said.document["checks"]}


def not_holding(said: Said) -> set[tuple[str, str]]:
    return {name for name, each in checks_of(said).items() if not each["holds"]}


def test_what_is_erased_is_verified_and_its_pictures_are_kept(erased: RunningService, run: Run, tmp_path: Path) -> None:
    said = verified(run, erased, "--pictures", str(tmp_path / "seen"))
    assert (said.status, said.document["holds"], said.document["url"]) == (0, True, erased.url)
    assert set(checks_of(said)) == {("cat", name) for name in ALL}
    assert "nobody said whose signature" in checks_of(said)["cat", "bundle"]["detail"]
    assert checks_of(said)["cat", "evidence drawn again"]["numbers"]["equal"] == 1
    assert len(checks_of(said)["cat", "mask"]["pictures"]) == 8
    assert len(list((tmp_path / "seen" / "cat").glob("*.png"))) == 9
    assert said.err == f"Of {erased.url}.\n"


def test_no_picture_without_the_increment_is_asked_for_or_kept(
    erased: RunningService, run: Run, client: httpx.Client
) -> None:
    assert verified(run, erased).status == 0
    asked = [job["request"]["erased"] for job in client.get("/jobs?kind=generate&limit=100").json()["items"]]
    assert {str(each) for each in asked} == {"active", "['cat']"}


@pytest.mark.parametrize(
    ("name", "said_of_it"), [("dog", "and is restored"), ("van-gogh", "was never erased")], ids=["restored", "missing"]
)
def test_what_was_to_be_erased_and_is_not_is_a_finding_that_names_it(
    erased: RunningService, run: Run, tmp_path: Path, name: str, said_of_it: str
) -> None:
    (tmp_path / "names").write_text(f"# notices\n{name}  # 2026-0117\n\ncat\n")
    said = verified(run, erased, "--expect-file", str(tmp_path / "names"))
    assert said.status == 1
    assert not_holding(said) == {(name, "state")}
    found = checks_of(said)[name, "state"]
    assert said_of_it in found["detail"]
    assert f"sepme erase {name}" in found["remedy"]
    assert verified(run, erased, "--expect", f" cat, {name} ").status == 1


@pytest.mark.parametrize("name", ["../../elsewhere", "Van Gogh", ""], ids=["path", "words", "empty"])
def test_what_a_service_names_leads_to_no_other_folder(erased: RunningService, name: str) -> None:
    with Client(erased.url) as client:
        concept = client.concepts.get("cat")
    assert check_state("cat", concept, working.BASE).status == 0
    found = check_state(name, {**concept, "name": name}, working.BASE)
    assert (found.status, found.detail) == (1, "no concept can have this name")


def test_one_concept_alone_is_verified_where_it_is_named(erased: RunningService, run: Run) -> None:
    said = verified(run, erased, "--concept", "dog")
    assert said.status == 1
    assert set(checks_of(said)) == {("dog", "state")}


def test_a_further_name_is_that_of_its_concept(erased: RunningService, run: Run, client: httpx.Client) -> None:
    client.post("/concepts/kitty/erase", json={"same_as": "cat"}).raise_for_status()
    said = verified(run, erased, "--expect", "kitty")
    assert said.status == 0
    assert {concept for concept, _ in checks_of(said)} == {"cat"}


def test_evidence_that_is_drawn_otherwise_now_is_a_finding(erased: RunningService, run: Run, engine: Engine) -> None:
    with writing(engine) as session:
        for row in session.query(Row).all():
            if row.record["increments"]:
                row.record = {**row.record, "seed": 77}
    said = verified(run, erased)
    assert said.status == 1
    assert not_holding(said) == {("cat", "bundle"), ("cat", "evidence drawn again")}
    assert "values differ by 76 of 255" in checks_of(said)["cat", "evidence drawn again"]["detail"]


def test_evidence_that_can_no_longer_be_drawn_as_then_is_not_told(
    erased: RunningService, run: Run, settings: Settings, engine: Engine
) -> None:
    erase(engine, settings, "sepia", irrevocable=True)
    said = verified(run, erased, "--concept", "cat")
    assert said.status == 2
    assert not_holding(said) == {("cat", "evidence drawn again")}
    assert "sepia, erased for good, is in every mask" in checks_of(said)["cat", "evidence drawn again"]["detail"]
    assert verified(run, erased, "--concept", "cat", "--no-redraw").status == 0


@pytest.mark.parametrize(("stale", "status", "times"), [(0, 0, 1), (2, 0, 3), (9, 2, 3)])
def test_evidence_is_drawn_anew_where_its_increment_was_made_anew_meanwhile(
    erased: RunningService, monkeypatch: pytest.MonkeyPatch, stale: int, status: int, times: int
) -> None:
    drawn: list[str] = []

    def redraw(*_arguments: object) -> list[Redrawn]:
        drawn.append("old" if len(drawn) < stale else "new")
        return [Redrawn({"cat": "new"}, {"cat": drawn[-1]}, alike=True, largest=0, decibels=0.0, file=None)]

    monkeypatch.setattr(verification, "redraw", redraw)
    with Client(erased.url) as client:
        check = check_evidence(client, client.concepts.get("cat"), None)
    assert (check.status, len(drawn)) == (status, times)


def test_whose_signature_is_good_is_asked_for(
    erased: RunningService, run: Run, settings: Settings, tmp_path: Path
) -> None:
    assert verified(run, erased).status == 0  # the service makes its identity
    ours = settings.home / "signing" / "ca.pem"
    said = verified(run, erased, "--trust", str(ours))
    assert said.status == 0
    assert "nobody said" not in checks_of(said)["cat", "bundle"]["detail"]
    other = Settings(home=tmp_path / "other")
    open_identity(other)
    said = verified(run, erased, "--trust", str(other.home / "signing" / "ca.pem"))
    assert (said.status, not_holding(said)) == (1, {("cat", "bundle")})
    assert run("verify", "--url", erased.url, "--trust", str(tmp_path / "none.pem")).status == 2


def test_a_key_that_is_not_good_for_it_leaves_it_untold_with_what_it_takes(
    erased: RunningService, run: Run, client: httpx.Client, settings: Settings, engine: Engine, tmp_path: Path
) -> None:
    erase(engine, settings, "fox")
    operator = client.post("/keys", json={"name": "ops", "scopes": ["admin"]}).json()["key"]
    assert verified(run, erased).status == 2
    made = client.post(
        "/keys",
        json={"name": "ci", "scopes": ["generate", "evidence:read"]},
        headers={"Authorization": f"Bearer {operator}"},
    )
    key = tmp_path / "key"
    key.write_text(made.json()["key"])
    key.chmod(0o600)
    said = verified(run, erased, "--key-file", str(key), "--concept", "cat")
    assert said.status == 2
    assert not_holding(said) == {("cat", "evidence drawn again")}
    assert "floor `none`" in checks_of(said)["cat", "evidence drawn again"]["remedy"]
    assert "--no-redraw" in checks_of(said)["cat", "evidence drawn again"]["remedy"]


def test_nothing_to_verify_is_not_a_pass(service: RunningService, run: Run) -> None:
    said = verified(run, service)
    assert said.status == 2
    assert "nothing is erased there" in said.document["checks"][0]["detail"]


def test_a_picture_that_is_drawn_without_its_increment_is_a_finding(erased: RunningService) -> None:
    with Client(erased.url) as client:
        concept = client.concepts.get("cat")
        lacking = Drawn(concept, NewPictures([{"cat": str(concept["digest"])}, {}], []), kept=False)
        other = Drawn(concept, NewPictures([{"cat": "sha256:0"}], []), kept=False)
        found = [check_mask(client, each) for each in (lacking, other)]
    assert [each.status for each in found] == [1, 1]
    assert "no increment" in found[0].detail
    assert "sha256:0" in found[1].detail


def looked_at(erased: RunningService, monkeypatch: pytest.MonkeyPatch, looked: Looked) -> Check:
    monkeypatch.setattr(verification, "look", lambda *_arguments: looked)
    with Client(erased.url) as client:
        concept = client.concepts.get("cat")
    files = [Path(f"new-{number}.png") for number in range(1, 9)]
    (check,) = check_looks("sha256:0", [Drawn(concept, NewPictures([], files), kept=True)])
    return check


@pytest.mark.parametrize(("seen", "status"), [(1, 0), (2, 1)])
def test_more_pictures_that_show_it_than_may_be_chance_are_a_finding(
    erased: RunningService, monkeypatch: pytest.MonkeyPatch, seen: int, status: int
) -> None:
    shows = [True] * seen + [False] * (8 - seen)
    check = looked_at(erased, monkeypatch, Looked("judge", "", {"cat": {"shows": shows, "limit": 1}}))
    assert (check.status, check.pictures) == (status, [f"new-{number + 1}.png" for number in range(seen)])


def test_what_nobody_looked_at_is_not_told_and_says_why(
    erased: RunningService, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sepme_core.extras.OF_WORKERS", ("no_such_package",))
    said = run("verify", "--url", erased.url, "--json")
    assert (said.status, said.document["holds"]) == (2, None)
    (untold,) = [each for each in said.document["checks"] if each["holds"] is None]
    assert untold["detail"].startswith("nobody looked: no_such_package: not installed")
    assert "does not know it" in looked_at(erased, monkeypatch, Looked("judge", "", {})).detail


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--pictures", "a"], "are for a service"),
        (["--no-look"], "are for a service"),
        (["--no-redraw"], "are for a service"),
        (["--expect", " , "], "--expect names nothing"),
        (["--expect-file", "/nowhere/names"], "/nowhere/names cannot be read"),
        (["--junit", "/nowhere/report.xml"], "a folder that is there"),
        (["--url", "http://a", "--repair"], "say --local"),
        (["--url", "http://a", "--local"], "--local is this machine's"),
        (["--bundle", "a.zip", "--junit", "b.xml"], "looks at a file alone"),
    ],
)
def test_what_does_not_go_together_is_2_with_the_reason(run: Run, options: list[str], reason: str) -> None:
    said = run("verify", *options)
    assert said.status == 2
    assert reason in said.err


def test_pictures_of_kinds_that_are_not_kept_are_not_kept(
    service: RunningService, run: Run, engine: Engine, blobs: Blobs, tmp_path: Path
) -> None:
    with writing(engine) as session:
        job = concepts.accept_erasure(session, {"name": "somebody", "kind": "person"}, "tester").job.id
    working.erase(engine, blobs, job)
    with working.working(engine, blobs):
        said = verified(run, service, "--pictures", str(tmp_path / "seen"))
    assert said.status == 0
    assert "no pictures are kept" in checks_of(said)["somebody", "evidence drawn again"]["detail"]
    assert not (tmp_path / "seen").exists()
