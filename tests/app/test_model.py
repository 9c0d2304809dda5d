import httpx
import pytest
from sqlalchemy import Engine

from tests.app import working


@pytest.mark.usefixtures("model")
def test_the_model_is_what_a_worker_announced(client: httpx.Client) -> None:
    assert client.get("/model").json() == working.MODEL


@pytest.mark.usefixtures("model")
def test_the_model_announced_last_is_served(client: httpx.Client, engine: Engine) -> None:
    working.announce(engine, base_digest=working.OTHER_BASE)
    assert client.get("/model").json()["base_digest"] == working.OTHER_BASE


def test_before_a_model_is_announced_there_is_none(client: httpx.Client) -> None:
    answer = client.get("/model")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/model-not-ready")
    assert int(answer.headers["retry-after"]) > 0
