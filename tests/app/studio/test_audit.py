import httpx
from sqlalchemy import Engine, text

from sepme_core.registry.blobs import Blobs
from tests.app import working
from tests.app.studio.holders import made
from tests.app.studio.test_concepts import ATTACK
from tests.app.studio.test_concepts import text as words


def erased(client: httpx.Client, engine: Engine, blobs: Blobs, name: str, **body: str) -> None:
    working.erase(engine, blobs, client.post(f"/concepts/{name}/erase", json=body).json()["id"])


def test_who_did_what_is_told_by_case_the_newest_first(
    client: httpx.Client, engine: Engine, blobs: Blobs, model: None
) -> None:
    del model
    erased(client, engine, blobs, "cat", case="A/1", reason=ATTACK)
    client.delete("/concepts/cat?case=A/2&reason=appeal")
    page = client.get("/studio/audit")
    assert "<img src=x" not in page.text
    said = words(page)
    assert said.index("cat restored") < said.index("cat erased")
    assert "A/2 appeal" in said
    of_case = words(client.get("/studio/audit?case=A/1&concept="))
    assert "cat erased" in of_case
    assert "cat restored" not in of_case


def test_the_chain_is_checked_and_what_was_changed_is_said(
    client: httpx.Client, engine: Engine, blobs: Blobs, model: None
) -> None:
    del model
    erased(client, engine, blobs, "cat")
    erased(client, engine, blobs, "dog")
    unchecked = client.get("/studio/audit").text
    assert 'hx-get="../studio/audit?check=yes"' in unchecked
    assert "The chain holds" in client.get("/studio/audit?check=yes").text
    with engine.begin() as connection:
        connection.execute(text("UPDATE audit SET action = 'nothing' WHERE sequence = 1"))
    broken = client.get("/studio/audit?check=yes").text
    assert "The chain is broken." in broken
    assert "entry 1 does not fit" in broken


def test_the_audit_is_for_those_who_may_read_it(client: httpx.Client, admin: httpx.Client) -> None:
    shop, auditor = made(admin, "shop", "generate"), made(admin, "auditor", "audit:read")
    refused = client.get("/studio/audit", headers=shop)
    assert refused.status_code == 403
    assert "needs the scope <code>audit:read</code>" in refused.text
    assert "made a key" not in refused.text
    assert "studio/audit" not in client.get("/studio/jobs", headers=shop).text
    assert "made a key" in client.get("/studio/audit", headers=auditor).text
