"""GET /docs: the calls as a page of HTML, made from the OpenAPI document, with nothing loaded from elsewhere."""

import json
import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

TEMPLATE = (Path(__file__).parent / "templates" / "documentation.html").read_text(encoding="utf-8")
SCRIPT = """
const shown = document.querySelectorAll(".key");
document.getElementById("key").addEventListener("input", event => {
    for (const each of shown) each.textContent = event.target.value.trim() || "$SEPME_KEY";
});
"""
"""Writes the key that is typed into the page's lines to copy."""
POLICY = (
    f"default-src 'none'; script-src 'sha256-{b64encode(sha256(SCRIPT.encode()).digest()).decode()}'; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Of that page: this one script runs, and can send nothing anywhere."""
Schema = Mapping[str, Any]
router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def get_documentation(request: Request) -> HTMLResponse:
    """The calls, for people. Swagger's page would have to be loaded from elsewhere, which many places cannot."""
    return HTMLResponse(page(request.app.openapi()), headers={"Content-Security-Policy": POLICY})


def page(document: Schema) -> str:
    """The whole page.

    Args:
        document: An OpenAPI 3.1 document whose operations have tags and operation ids.
    """
    tagged: dict[str, list[str]] = defaultdict(list)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            inside = describe_call(method.upper(), path, operation, document)
            head = f'<span class="method">{method.upper()}</span> <code>{escape(path)}</code>'
            tagged[operation["tags"][0]].append(_folded(operation["operationId"], head, inside))
    sections = (f"<h2>{escape(tag)}</h2>\n{''.join(entries)}" for tag, entries in tagged.items())
    schemas = (
        _folded(name, f"<code>{escape(name)}</code>", describe_document(schema))
        for name, schema in document["components"]["schemas"].items()
    )
    parts = {
        "script": [SCRIPT],
        "description": _words(document["info"]["description"]),
        "sections": sections,
        "schemas": schemas,
    }
    text = TEMPLATE
    for name, part in parts.items():
        text = text.replace("{" + name + "}", "".join(part))
    return text


def _folded(identity: str, head: str, inside: str) -> str:
    return f'<details id="{identity}"><summary>{head}</summary>{inside}</details>\n'


def describe_call(method: str, path: str, operation: Schema, document: Schema) -> str:
    """What one call takes and answers, as HTML without a heading."""
    parts = [f"<p>{_words(operation['description'])}</p>", _needs(operation)]
    if "parameters" in operation:
        rows = (
            (p["name"], f"{p['in']}: {kind(p['schema'])}", p.get("description", "")) for p in operation["parameters"]
        )
        parts.append(_table(("parameter", "where", ""), rows))
    if "requestBody" in operation:
        ((media_type, content),) = operation["requestBody"]["content"].items()
        schema, keyed = content["schema"], bool(operation.get("security"))
        what = kind(schema) if "$ref" in schema else escape(media_type)
        parts.append(f"<p>Body: {what}{_must(schema, document)}</p>")
        parts.append(_example(method, path, schema, document, keyed))
    answers = ((status, _content(answer), answer["description"]) for status, answer in operation["responses"].items())
    parts.append(_table(("answer", "body", ""), answers))
    return "".join(parts)


def _needs(operation: Schema) -> str:
    """Which key it takes."""
    scopes = [scope for needed in operation.get("security", []) for scope in needed["key"]]
    if not operation.get("security"):
        return "<p>Needs no key.</p>"
    return f"<p>Needs a key with <code>{escape(', '.join(scopes))}</code>.</p>" if scopes else "<p>Needs a key.</p>"


def describe_document(schema: Schema) -> str:
    """The fields of one document, as HTML without a heading."""
    rows = ((field, kind(inner), _said(inner)) for field, inner in schema.get("properties", {}).items())
    words = f"<p>{_words(schema.get('description', ''))}</p>"
    return words + _table(("field", "type", ""), rows)


def kind(schema: Schema) -> str:
    """What values a schema describes, in few words, as HTML; documents are linked."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f'<a href="#{name}">{escape(name)}</a>'
    if "anyOf" in schema or "oneOf" in schema:
        return " or ".join(dict.fromkeys(kind(branch) for branch in schema.get("anyOf") or schema["oneOf"]))
    if "const" in schema or "enum" in schema:
        return " or ".join(
            f"<code>{escape(json.dumps(value))}</code>" for value in schema.get("enum", [schema.get("const")])
        )
    if schema.get("type") == "array" and "items" in schema:
        return f"list of {kind(schema['items'])}"
    return escape(str(schema.get("type", "anything"))) + _range(schema)


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None and high is None:
        return ""
    return f" ({low} to {high})" if None not in (low, high) else f" (from {low})" if high is None else f" (to {high})"


def _said(schema: Schema) -> str:
    default = schema.get("default")
    suffix = f" Default: {json.dumps(default)}." if default not in (None, {}, []) else ""
    return str(schema.get("description", "")) + suffix


def _content(answer: Schema) -> str:
    return ", ".join(
        f"{escape(media_type)} {kind(content.get('schema', {})) if '$ref' in content.get('schema', {}) else ''}"
        for media_type, content in answer.get("content", {}).items()
    )


def _named(schema: Schema, document: Schema) -> Schema:
    """The document that a body is; of a file, nothing."""
    found: Schema = document["components"]["schemas"].get(schema.get("$ref", "").rsplit("/", 1)[-1], {})
    return found


def _must(schema: Schema, document: Schema) -> str:
    """Which fields a body cannot lack."""
    named = _named(schema, document)
    required = ", ".join(f"<code>{escape(field)}</code>" for field in named.get("required", []))
    return f"; it must have {required}" if required else ""


def _example(method: str, path: str, schema: Schema, document: Schema, keyed: bool) -> str:
    named = _named(schema, document)
    if "examples" not in named:
        return ""
    url = re.sub(r"{(\w+)}", lambda match: match[1].upper(), path)
    body = escape(json.dumps(named["examples"][0]))
    key = """ -H "Authorization: Bearer <span class="key">$SEPME_KEY</span>" \\\n    """ if keyed else ""
    call = f"curl -X {method} $URL{url} -H 'Content-Type: application/json' \\\n    {key} -d '{body}'"
    return f"<pre><code>{call}</code></pre>"


def _table(head: Iterable[str], rows: Iterable[tuple[str, str, str]]) -> str:
    """Rows of a name, something that is HTML already, and words."""
    body = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{cell}</td><td>{_words(words)}</td></tr>"
        for name, cell, words in rows
    )
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    return f"<table><tr>{titles}</tr>{body}</table>"


def _words(text: str) -> str:
    """Text in which `this` is code, as HTML."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
