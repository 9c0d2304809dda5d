import re

import httpx


def test_the_root_says_what_this_is_and_links_the_documentation(client: httpx.Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f"curl --fail -X POST {client.base_url}/concepts/" in answer.text
    for link in re.findall(r'href="([^"]+)"', answer.text):
        assert client.get(f"/{link}").status_code in (200, 503), link


def test_the_page_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/").text
    assert "src=" not in page
    assert not re.search(r'href="(https?:)?//', page)
