import re
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from app.studio.assets import ASSETS, DIGEST, FOLDER, accepts_gzip

TABLE = FOLDER / "vendored/LICENCES.md"
PACKED = {"Accept-Encoding": "gzip"}
LARGEST_VIEW = 120_000
"""Bytes of the first view with all that it loads, as they are sent."""


def test_what_is_vendored_is_what_was_published() -> None:
    listed = dict(re.findall(r"^\| `([^`]+)` .* `([0-9a-f]{64})` \|$", TABLE.read_text(), re.MULTILINE))
    vendored = {file.name: file for file in TABLE.parent.iterdir() if file != TABLE}
    assert {name: sha256(file.read_bytes()).hexdigest() for name, file in vendored.items()} == listed


def test_a_file_is_kept_for_ever_under_its_own_digest_alone(client: httpx.Client) -> None:
    present = client.get(f"/studio/static/{DIGEST}/studio.js")
    earlier = client.get("/studio/static/0123456789abcdef/studio.js")
    assert (present.status_code, earlier.status_code) == (200, 200)
    assert "immutable" in present.headers["cache-control"]
    assert earlier.headers["cache-control"] == "no-cache"
    assert present.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("name", ["nothing.js", "../pages.py", "..%2fpages.py", "vendored"])
def test_nothing_else_is_served(client: httpx.Client, name: str) -> None:
    assert client.get(f"/studio/static/{DIGEST}/{name}").status_code == 404


def test_files_need_no_key(client: httpx.Client) -> None:
    client.post("/keys", json={"name": "ops", "scopes": ["admin"]}).raise_for_status()
    assert client.get(f"/studio/static/{DIGEST}/studio.css").status_code == 200


def test_the_first_view_is_small(client: httpx.Client, model: None) -> None:
    del model
    page = client.get("/", headers=PACKED)
    sizes = {"/": int(page.headers["content-length"])}
    waiting = re.findall(r'(?:src|href)="(?:\./)?(studio/static/[^"]+)"', page.text)
    while waiting:
        path = waiting.pop()
        answer = client.get(f"/{path}", headers=PACKED)
        sizes[path] = int(answer.headers["content-length"])
        for name in re.findall(r'^import .* from "\./([^"]+)"', answer.text, re.MULTILINE):
            further = f"{path.rpartition('/')[0]}/{name}"
            waiting += [further] if further not in sizes else []
    assert len(sizes) > 8
    assert sum(sizes.values()) < LARGEST_VIEW, sizes


def test_modules_import_what_is_there() -> None:
    for name, asset in ASSETS.items():
        folder = Path(name).parent
        for imported in re.findall(r'(?:from|import) "(\.[^"]+)"', asset.body.decode()):
            assert (folder / imported).as_posix() in ASSETS, f"{name} imports {imported}"


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.0", False), ("br", False), ("", False)],
)
def test_packing_is_as_the_client_says(accepted: str, packed: bool) -> None:
    assert accepts_gzip(accepted) is packed
