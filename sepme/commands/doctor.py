"""`sepme doctor`."""

import json
from typing import TYPE_CHECKING

from sepme.commands import machine
from sepme.commands.endings import DONE, FINDING
from sepme.commands.options import AsJson, Home, Model

if TYPE_CHECKING:
    from sepme_core.documents.diagnosis import Finding


def doctor(home: Home = None, model: Model = None, as_json: AsJson = False) -> int:
    """Look whether this machine has what a service needs: Python, torch and its device, model, disk, database, broker.

    Also ports, signing identity and settings. Nothing is started, made or changed. The exit status is 1 where something
    failed; a warning alone is 0.
    """
    machine.say(home=home, model=model)
    from sepme.doctor.examination import examine

    found: list[Finding] = []
    for each in examine():
        found.append(each)
        if not as_json:
            print("\n".join(_lines(each)), flush=True)
    bad = sum(each["state"] == "failed" for each in found)
    if as_json:
        print(json.dumps({"ok": not bad, "findings": found}, indent=2))
    else:
        print(_total(bad, sum(each["state"] == "warning" for each in found)))
    return FINDING if bad else DONE


def _lines(each: "Finding") -> list[str]:
    said = f"{each['state'] if each['state'] != 'failed' else 'FAILED':<8} {each['name']}: {each['detail']}"
    return [said] if each["remedy"] is None else [said, f"{'':<8} {each['remedy']}"]


def _total(bad: int, warned: int) -> str:
    if bad:
        return f"{bad} failed, {warned} to be looked at."
    return f"Nothing is in the way; {warned} to be looked at." if warned else "All is as it should be."
