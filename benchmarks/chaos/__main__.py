"""Run it, and print the tables."""

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import benchmarks.chaos
from benchmarks.chaos import recovery
from benchmarks.chaos.clients import Client, Heard
from benchmarks.chaos.distributed import Distributed
from benchmarks.chaos.embedded import Embedded
from benchmarks.chaos.faults import INTERRUPTS, Fault, faults_of
from benchmarks.chaos.findings import LISTED, Findings, find
from benchmarks.chaos.service import Service

FORMS: Mapping[str, type[Service]] = {form.name: form for form in (Embedded, Distributed)}
CLIENTS = 2
KILLS, OTHERS = 50, 14
SHORT_KILLS, SHORT_OTHERS = 5, 0
REST_SECONDS = (0.5, 3.0)
IDLE_TRIALS = 3


@dataclass
class Seconds:
    """How long things took, by the fault that went before."""

    until_a_picture: dict[str, list[float]] = field(default_factory=dict)
    runs_again: dict[str, list[float]] = field(default_factory=dict)
    idle: dict[str, list[float]] = field(default_factory=dict)


def main() -> int:
    """Print what was done and what came of it; 1 where anything was lost, doubled, unfinished or wrong."""
    parser = argparse.ArgumentParser(description=benchmarks.chaos.__doc__)
    parser.add_argument("--form", choices=sorted(FORMS), action="append", help="only this one; both unless said")
    parser.add_argument("--kills", type=int, default=KILLS, help="of each form")
    parser.add_argument("--others", type=int, default=OTHERS, help="other faults of each form")
    parser.add_argument("--short", action="store_true", help="one kill of each kind and nothing measured idle")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--logs", type=Path, help="a folder for what the processes logged")
    options = parser.parse_args()
    if options.short:
        options.kills, options.others = SHORT_KILLS, SHORT_OTHERS
    sound = [run(form, options) for form in options.form or FORMS]
    return 0 if all(sound) else 1


def run(form: str, options: argparse.Namespace) -> bool:
    """Disturb one form and print its table. False where anything was found."""
    with tempfile.TemporaryDirectory(prefix="sepme-", ignore_cleanup_errors=True) as folder:
        service, heard = FORMS[form](Path(folder)), Heard()
        try:
            service.start()
            faults = chosen(service, options)
            seconds = disturb(service, heard, faults, options.seed)
            found = find(service, heard.accepted)
            if not options.short:
                seconds.idle = {q: [recovery.idle(service, q) for _ in range(IDLE_TRIALS)] for q in recovery.LONG_WORK}
        finally:
            if options.logs is not None:
                keep_logs(service, options.logs / form)
            service.close()
    report(form, len(faults), seconds, heard, found)
    return found.none and not heard.undocumented and not heard.given_up


def chosen(service: Service, options: argparse.Namespace) -> list[tuple[str, Fault]]:
    """Faults by name: every kind as often as the next, in an order that the seed decides."""
    picked: list[tuple[str, Fault]] = []
    for kinds, count in zip(faults_of(service), (options.kills, options.others), strict=True):
        listed = list(kinds.items())
        picked += [listed[place % len(listed)] for place in range(count)]
    random.Random(options.seed).shuffle(picked)
    return picked


def disturb(service: Service, heard: Heard, faults: Sequence[tuple[str, Fault]], seed: int) -> Seconds:
    """Let clients ask while faults come one after the other, and see how soon all goes on."""
    rests, seconds = random.Random(seed + 1), Seconds()
    clients = [Client(service.addresses, 1000 * seed + number, heard) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        for number, (kind, fault) in enumerate(faults, 1):
            time.sleep(rests.uniform(*REST_SECONDS))
            watched = recovery.RunsAgain(service, INTERRUPTS[kind]).start() if kind in INTERRUPTS else None
            time.sleep(0.1)
            began = time.monotonic()
            fault(service)
            until_a_picture = recovery.until_a_picture(service, began)
            seconds.until_a_picture.setdefault(kind, []).append(until_a_picture)
            if watched is not None:
                seconds.runs_again.setdefault(kind, []).extend(watched.stop())
            print(f"  {number} of {len(faults)}, {kind}: {until_a_picture:.1f} s", file=sys.stderr, flush=True)
    finally:
        for client in clients:
            client.stop()
    return seconds


def keep_logs(service: Service, folder: Path) -> None:
    """Copy the logs where they outlive the run."""
    folder.mkdir(parents=True, exist_ok=True)
    for log in service.logs():
        shutil.copy(log, folder / log.name)


def report(form: str, count: int, seconds: Seconds, heard: Heard, found: Findings) -> None:
    """The table of a form."""
    print(f"\n{form}: {count} faults, {found.ended.total()} jobs accepted: {dict(sorted(found.ended.items()))}")
    if not found.none or heard.undocumented or heard.given_up:
        print("FOUND WANTING")
    print(f"{'seconds':50} {'times':>5} {'median':>7} {'worst':>7}")
    for title, measured in (
        ("until a new picture, {}", seconds.until_a_picture),
        ("until its job runs again, {}", seconds.runs_again),
        ("the same while idle, {} job", seconds.idle),
    ):
        for kind, values in sorted(measured.items()):
            if values:
                print(f"{title.format(kind):50} {len(values):5} {statistics.median(values):7.1f} {max(values):7.1f}")
    print(f"drawn again for comparison: {found.replayed}")
    for what in LISTED:
        listed = getattr(found, what)
        print(f"{what.replace('_', ' '):28} {len(listed):5}", *listed[:5], sep="  ")
    print(f"{'undocumented answers':28} {len(heard.undocumented):5}", *heard.undocumented[:5], sep="  ")
    print(f"{'never answered':28} {len(heard.given_up):5}", *heard.given_up[:5], sep="  ", flush=True)


if __name__ == "__main__":
    sys.exit(main())
