"""Whatever the OpenAPI document allows, and much of what it does not: every answer is one that was promised."""

import json
import time
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
from sqlalchemy import Engine

from app.openapi import COMMITTED
from app.problems import MEDIA_TYPE
from sepme_core import problems
from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import RunningService

pytestmark = pytest.mark.slow

EXAMPLES = 100
BUDGET_SECONDS = 2.0
"""For each operation; what is left of the examples then is left out."""
CHECKS = [content_type_conformance, response_headers_conformance, response_schema_conformance]

schema = schemathesis.openapi.from_path(str(COMMITTED))
OPERATIONS = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Nobody holds the line: no worker will ever do what is asked for."""
    return settings.model_copy(update={"wait_limit_seconds": 0.1})


def test_every_operation_of_the_document_is_asked() -> None:
    paths = json.loads(COMMITTED.read_text())["paths"]
    assert len(OPERATIONS) == sum(map(len, paths.values()))


def insist_on_a_promised_status(operation: APIOperation[Any, Any, Any, Any], answer: Response) -> None:
    """Success has a status that the document names; all else is a problem of the catalogue, and no incident."""
    promised = operation.definition.raw["responses"]
    if answer.status_code < 400:
        assert str(answer.status_code) in promised
        return
    assert answer.headers["content-type"] == [MEDIA_TYPE], answer.content
    problem = answer.json()
    kind = problems.BY_SLUG[problem["type"].rpartition("/")[2]]
    assert kind is not problems.INTERNAL_ERROR, problem
    assert problem["status"] == answer.status_code, problem
    assert answer.status_code == kind.status, problem


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_whatever_is_asked_the_answer_is_one_that_was_promised(
    operation: APIOperation[Any, Any, Any, Any], service: RunningService, engine: Engine
) -> None:
    working.announce(engine)
    deadline = time.monotonic() + BUDGET_SECONDS
    asked: list[int] = []

    # Of some operations nothing can be asked that the document does not allow, so both ways are one strategy.
    @given(case=st.one_of([operation.as_strategy(generation_mode=mode) for mode in GenerationMode]))
    @hypothesis_settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case[Any]) -> None:
        if not asked or time.monotonic() < deadline:
            answer = case.call(base_url=service.url, timeout=20)
            asked.append(answer.status_code)
            insist_on_a_promised_status(operation, answer)
            case.validate_response(answer, checks=CHECKS)

    ask()
    assert asked
