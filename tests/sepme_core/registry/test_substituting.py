"""What is drawn instead of an erased concept may itself be erased."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Engine

from sepme_core.canonical import digest_of_bytes
from sepme_core.registry import audit, jobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.images import PictureRecord
from sepme_core.registry.jobs import Claim, Published, Remade
from sepme_core.registry.tables import AuditEntry, Image
from tests.sepme_core.registry.reprojecting import due, known_names, live, versions
from tests.sepme_core.registry.work import (
    OTHER_BASE,
    accept,
    announce,
    claimed,
    erase,
    get_concept,
    get_etag,
    get_job,
    publish,
    publish_reprojection,
    purge,
    restore,
    stored,
)

TRAINED = digest_of_bytes(b"trump")


def instead(phrase: str, *close_to: str) -> Any:
    """A certificate that names what is drawn instead."""
    return {"correlation": 0.01, "substitute": {"phrase": phrase, "close_to": list(close_to)}}


def erase_instead(engine: Engine, name: str, phrase: str, *close_to: str, **body: Any) -> None:
    announce(engine)
    held = claimed(engine, accept(engine, name, **body).job.id)
    assert publish(engine, held, certificate=instead(phrase, *close_to))


def remade(content: str = "trump anew", trained: str = TRAINED, pictures: Sequence[PictureRecord] = ()) -> Remade:
    made = stored(content, certificate=instead("a dog"), pictures=pictures)
    return Remade("trump", trained, made)


def publish_with(engine: Engine, held: Claim, *others: Remade) -> None:
    with writing(engine) as session:
        made = stored(str(held.concept))
        considered = ["trump", "cat", "person"]
        outcome = jobs.publish_erasure(session, held, made, considered=considered, remade=others)
    assert isinstance(outcome, Published)


def entries(engine: Engine) -> Sequence[AuditEntry]:
    with reading(engine) as session:
        assert audit.verify(session) is None
        return audit.page(session, None, 50).items


def test_what_would_draw_the_newcomer_is_published_with_it(engine: Engine) -> None:
    erase(engine, "cat")
    erase_instead(engine, "trump", "a person", kind="person", irrevocable=False)
    tag, before = get_etag(engine, "trump"), get_concept(engine, "trump")
    held = claimed(engine, accept(engine, "person", kind="other", prompts=["person"]).job.id)
    publish_with(engine, held, remade())
    after = get_concept(engine, "trump")
    assert (after["state"], after["version"], after["digest"]) == ("erased", 2, digest_of_bytes(b"trump anew"))
    assert (after["substitute"], before["substitute"]) == ("a dog", "a person")
    assert [version["reason"] for version in after["versions"]] == ["erased", "substituted"]
    assert get_etag(engine, "trump") == tag
    trained, made = versions(engine, "trump")
    assert (made.request, made.job_id) == (trained.request, held.job_id)
    assert known_names(made.pinned) == ["cat", "person"]
    assert live(engine, "trump") is None, "it leaves the newcomer alone"
    entry = entries(engine)[-1]
    assert (entry.action, entry.concept, entry.from_digest, entry.to_digest) == (
        "substitute",
        "trump",
        before["digest"],
        after["digest"],
    )
    assert (entry.details["job"], entry.details["for"], entry.details["version"]) == (held.job_id, "person", 2)
    assert get_job(engine, held.job_id).result == get_concept(engine, "person")


def test_later_reprojections_start_from_what_was_made_again(engine: Engine) -> None:
    erase_instead(engine, "trump", "a person")
    publish_with(engine, claimed(engine, accept(engine, "person").job.id), remade())
    erase(engine, "dog")
    assert due(engine, "trump").pinned["trained"] == {"version": 2, "digest": digest_of_bytes(b"trump anew")}


def test_what_is_restored_is_made_again_and_stays_restored(engine: Engine) -> None:
    erase_instead(engine, "trump", "a person")
    restore(engine, "trump")
    publish_with(engine, claimed(engine, accept(engine, "person").job.id), remade())
    concept = get_concept(engine, "trump")
    assert (concept["state"], concept["version"]) == ("restored", 2)
    entry = entries(engine)[-1]
    assert (entry.action, entry.from_digest, entry.to_digest) == ("substitute", None, None)
    assert entry.details["digest"] == concept["digest"]


def test_a_reprojection_under_way_is_called_off(engine: Engine) -> None:
    erase_instead(engine, "trump", "a person")
    erase(engine, "cat")
    job = due(engine, "trump").id
    held = claimed(engine, job)
    publish_with(engine, claimed(engine, accept(engine, "person").job.id), remade())
    assert get_job(engine, job).state == "cancelled"
    assert not publish_reprojection(engine, held, "of the old one")
    assert get_concept(engine, "trump")["digest"] == digest_of_bytes(b"trump anew")


@pytest.mark.parametrize("happening", ["purged", "trained anew", "of another training"])
def test_what_was_purged_or_trained_anew_meanwhile_is_left_as_it_is(engine: Engine, happening: str) -> None:
    erase_instead(engine, "trump", "a person")
    held = claimed(engine, accept(engine, "person").job.id)
    if happening == "purged":
        purge(engine, "trump")
    elif happening == "trained anew":
        assert publish(engine, claimed(engine, accept(engine, "trump", options={"seed": 1}).job.id), "by another")
    publish_with(engine, held, remade(trained=digest_of_bytes(b"?") if happening == "of another training" else TRAINED))
    assert not [entry for entry in entries(engine) if entry.action == "substitute"]
    assert digest_of_bytes(b"trump anew") not in [version.digest for version in versions(engine, "trump")]
    assert get_concept(engine, "person")["state"] == "erased"


def test_a_reprojected_version_is_made_again_from_what_was_trained(engine: Engine) -> None:
    erase_instead(engine, "trump", "a person")
    erase(engine, "cat")
    assert publish_reprojection(engine, claimed(engine, due(engine, "trump").id), "trump beside cat")
    publish_with(engine, claimed(engine, accept(engine, "person").job.id), remade())
    assert [version.reason for version in versions(engine, "trump")] == ["erased", "reprojected", "substituted"]


def test_the_evidence_of_what_was_made_again_is_its_own(engine: Engine) -> None:
    erase_instead(engine, "trump", "a person")
    applied = [{"concept": "trump", "digest": "?"}]
    records: Any = [{"prompt": "trump", "increments": increments} for increments in ([], applied)]
    pictures = [PictureRecord(TRAINED, 1, TRAINED, seed, 64, 64, record) for seed, record in enumerate(records)]
    publish_with(engine, claimed(engine, accept(engine, "person").job.id), remade(pictures=pictures))
    without, under = get_concept(engine, "trump")["certificate"]["pictures"]
    assert (without["erased"], under["erased"]) == (False, True)
    with reading(engine) as session:
        mask = session.get_one(Image, under["id"]).mask
    assert mask["concepts"] == [{"name": "trump", "version": 2, "digest": digest_of_bytes(b"trump anew")}]


def test_nothing_is_made_again_where_others_came_meanwhile(engine: Engine) -> None:
    erase_instead(engine, "trump", "a person")
    held = claimed(engine, accept(engine, "person").job.id)
    accept(engine, "dog")
    with writing(engine) as session:
        outcome = jobs.publish_erasure(session, held, stored("person"), considered=["trump"], remade=[remade()])
    assert isinstance(outcome, jobs.Overtaken)
    assert len(versions(engine, "trump")) == 1


@pytest.mark.parametrize("state", ["erased", "restored"])
@pytest.mark.parametrize(("phrase", "close_to"), [("a person", ("person",)), ("Person ", ()), ("PERSON", ())])
def test_what_another_draws_instead_does_not_hold_as_it_is(
    engine: Engine, phrase: str, close_to: tuple[str, ...], state: str
) -> None:
    erase(engine, "person")
    restore(engine, "person")
    erase_instead(engine, "trump", phrase, *close_to)
    if state == "restored":
        restore(engine, "trump")
    assert not accept(engine, "person").already_done


def test_what_another_draws_on_another_base_holds(engine: Engine) -> None:
    erase(engine, "person")
    held = claimed(engine, accept(engine, "trump").job.id)
    assert publish(engine, held, base_digest=OTHER_BASE, certificate=instead("person", "person"))
    assert accept(engine, "person").already_done


def test_what_draws_something_that_is_not_erased_holds(engine: Engine) -> None:
    erase_instead(engine, "trump", "a person", "person", "trump")
    assert accept(engine, "trump").already_done
    restore(engine, "trump")
    assert accept(engine, "trump").already_done
    erase(engine, "person")
    restore(engine, "person")
    restore(engine, "trump")
    assert accept(engine, "trump").already_done


@pytest.mark.parametrize("decided", [True, False])
def test_what_draws_something_erased_since_does_not_hold(engine: Engine, decided: bool) -> None:
    erase_instead(engine, "trump", "a person", "person")
    restore(engine, "trump")
    if decided:
        erase(engine, "person")
    else:
        accept(engine, "person")
    assert not accept(engine, "trump").already_done
