"""Keys for those who look at a page."""

import httpx


def made(admin: httpx.Client, name: str, *scopes: str, floor: str | list[str] = "none") -> dict[str, str]:
    """The header of a new key."""
    answer = admin.post("/keys", json={"name": name, "scopes": list(scopes), "floor": floor})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['key']}"}
