import re

import httpx

from app.pages import kind


def test_every_call_is_documented(client: httpx.Client) -> None:
    answer = client.get("/docs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            assert f'id="{operation["operationId"]}"' in answer.text
            assert f"{method.upper()}</span> <code>{path}</code>" in answer.text


def test_every_document_that_is_linked_is_there(client: httpx.Client) -> None:
    text = client.get("/docs").text
    linked = set(re.findall(r'href="#(\w+)"', text))
    assert linked
    assert linked <= set(re.findall(r'id="(\w+)"', text))


def test_the_page_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    text = client.get("/docs").text
    assert not re.search(r'(src|href)="(https?:)?//|@import|url\(', text)
    assert "{sections}" not in text


def test_what_a_body_must_have_is_said(client: httpx.Client) -> None:
    assert (
        'Body: <a href="#GenerateBody">GenerateBody</a>; it must have <code>prompt</code></p>'
        in client.get("/docs").text
    )
    assert 'Body: <a href="#ErasureBody">ErasureBody</a></p>' in client.get("/docs").text


def test_kinds_are_said_in_few_words() -> None:
    assert kind({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}) == "integer (from 1) or null"
    assert kind({"type": "array", "items": {"$ref": "#/components/schemas/Mask"}}) == 'list of <a href="#Mask">Mask</a>'
    assert kind({"enum": ["a<b"]}) == "<code>&quot;a&lt;b&quot;</code>"
    assert kind({}) == "anything"
