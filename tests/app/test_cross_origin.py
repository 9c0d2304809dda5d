import httpx
import pytest


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://example.org"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://example.org"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/concepts/cat/erase"), ("DELETE", "/concepts/cat")])
def test_a_page_of_another_site_can_change_nothing(
    client: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = client.request(method, path, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/cross-origin")
    assert client.get("/jobs").json()["items"] == []


def test_our_own_pages_and_programs_can(client: httpx.Client) -> None:
    own = str(client.base_url)
    for headers in ({}, {"Sec-Fetch-Site": "same-origin", "Origin": own}, {"Sec-Fetch-Site": "none"}, {"Origin": own}):
        assert client.post("/concepts/cat/erase", headers=headers).status_code == 202


def test_pages_of_other_sites_may_link_here(client: httpx.Client) -> None:
    assert client.get("/model", headers={"Sec-Fetch-Site": "cross-site"}).status_code != 403
