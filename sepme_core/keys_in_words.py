"""Keys as they are told on a terminal, whichever room has made or found them."""

from collections.abc import Mapping
from typing import Any

from sepme_core.terms import SCOPES

SCOPES_SAID = "Scopes: " + "; ".join(f"{scope}: {words}" for scope, words in SCOPES.items()) + "."


def in_words(answer: Mapping[str, Any]) -> list[str]:
    """What came of a command on keys: a key, with its text where it is shown, a list of them, or a file with one."""
    if "file" in answer:
        made = f"A key for admin lies in {answer['file']}."
        return [made if answer["made"] else "There are keys: none was made."]
    if "items" in answer:
        return [_line(key) for key in answer["items"]] or ["No key was made yet: this machine alone is answered."]
    said = [_line(answer)]
    if "key" in answer:
        said += ["", answer["key"], "", "It is shown this once. Send it as `Authorization: Bearer …`."]
    return said


def _line(key: Mapping[str, Any]) -> str:
    floor = key["floor"] if isinstance(key["floor"], str) else ", ".join(key["floor"])
    ends = f"revoked {key['revoked_at']}" if key["revoked_at"] else f"expires {key['expires_at'] or 'never'}"
    used = f"used {key['used_at'] or 'never'}"
    return f"{key['name']}  {key['id']}  scopes {', '.join(key['scopes'])}  floor {floor}  {ends}  {used}"
