import json
from typing import Any

import httpx
import pytest

from app.openapi import COMMITTED, text
from app.problems import MEDIA_TYPE


def test_the_committed_document_is_the_one_that_is_served(client: httpx.Client) -> None:
    served = client.get("/openapi.json").json()
    assert COMMITTED.read_text(encoding="utf-8") == text(served), "run python -m app.openapi"


@pytest.fixture
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(COMMITTED.read_text(encoding="utf-8"))
    return found


CONTRACT = {
    ("post", "/concepts/{name}/erase"),
    ("post", "/erasures"),
    ("post", "/erasures/again"),
    ("delete", "/concepts/{name}"),
    ("get", "/concepts"),
    ("get", "/concepts/{name}"),
    ("get", "/concepts/{name}/lora"),
    ("put", "/protected/{name}"),
    ("get", "/protected/{name}"),
    ("delete", "/protected/{name}"),
    ("post", "/generate"),
    ("get", "/images/{image_id}"),
    ("get", "/model"),
    ("get", "/jobs"),
    ("get", "/jobs/{job_id}"),
    ("get", "/jobs/{job_id}/events"),
    ("post", "/jobs/{job_id}/cancel"),
    ("post", "/v1/images/generations"),
    ("get", "/audit"),
    ("get", "/livez"),
    ("get", "/readyz"),
    ("get", "/metrics"),
}


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


UNKEPT = ("/keys", "/webhooks", "/inspections", "/concepts/{name}/preview")
"""An answer that shows a key or a secret is kept nowhere, so nothing is answered twice; a preview makes nothing."""


def test_every_call_of_the_contract_is_there(document: dict[str, Any]) -> None:
    assert set(operations(document)) >= CONTRACT


def test_every_operation_is_described_and_may_answer_with_a_problem(document: dict[str, Any]) -> None:
    for call, operation in operations(document).items():
        assert operation["description"], call
        assert list(operation["responses"]["default"]["content"]) == [MEDIA_TYPE], call
        assert "422" not in operation["responses"], call


def test_every_post_and_put_takes_an_idempotency_key_and_a_preference(document: dict[str, Any]) -> None:
    for (method, path), operation in operations(document).items():
        if method in ("post", "put") and not path.startswith(UNKEPT):
            names = {parameter["name"] for parameter in operation["parameters"]}
            assert names >= {"Idempotency-Key", "Prefer"}, path


def test_every_answer_to_a_request_for_a_job_says_how_many_may_wait(document: dict[str, Any]) -> None:
    for (method, path), operation in operations(document).items():
        takes_jobs = method in ("post", "put") and path != "/jobs/{job_id}/cancel" and not path.startswith(UNKEPT)
        for status, response in operation["responses"].items():
            said = {"RateLimit", "RateLimit-Policy"} & set(response.get("headers", {}))
            assert len(said) == (2 if takes_jobs else 0), (method, path, status)


def test_every_answer_is_said_to_have_its_requests_id(document: dict[str, Any]) -> None:
    for call, operation in operations(document).items():
        assert all("X-Request-Id" in response["headers"] for response in operation["responses"].values()), call


def test_unknown_fields_are_refused_in_every_body(document: dict[str, Any]) -> None:
    for call, operation in operations(document).items():
        content = operation.get("requestBody", {"content": {}})["content"]
        if "application/json" in content:
            (schema,) = content["application/json"].values()
            name = schema["$ref"].rsplit("/", 1)[-1]
            assert document["components"]["schemas"][name]["additionalProperties"] is False, call
