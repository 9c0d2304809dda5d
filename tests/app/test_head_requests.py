import httpx
import pytest


@pytest.mark.parametrize("path", ["/", "/livez", "/concepts", "/concepts/cat", "/metrics", "/openapi.json"])
def test_head_has_the_headers_of_get_and_no_body(client: httpx.Client, path: str) -> None:
    get, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert client.get("/livez").status_code == 200, "the connection is in order"


def test_a_stream_cannot_be_asked_for_its_headers(client: httpx.Client) -> None:
    job_id = client.post("/concepts/cat/erase").json()["id"]
    assert client.head(f"/jobs/{job_id}/events").status_code == 405
