"""Run it, and print the table."""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

import benchmarks.chaos
from benchmarks.chaos.clients import Client, Heard
from benchmarks.chaos.faults import FAULTS
from benchmarks.chaos.findings import Findings, find
from benchmarks.chaos.service import Service

PORT = 8767
CLIENTS = 2
FAULTS_OF_A_RUN, FAULTS_OF_A_SHORT_RUN = 100, 9
REST_SECONDS = (0.5, 3.0)
PROBE = {"prompt": "a tree", "steps": 4, "erased": []}
PROBE_SECONDS = 120.0


def main() -> int:
    """Print what was done and what came of it; 1 where anything was lost, doubled, unfinished or wrong."""
    parser = argparse.ArgumentParser(description=benchmarks.chaos.__doc__)
    parser.add_argument("--faults", type=int, default=FAULTS_OF_A_RUN)
    parser.add_argument("--short", action="store_true", help=f"{FAULTS_OF_A_SHORT_RUN} faults, one of each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    count = FAULTS_OF_A_SHORT_RUN if options.short else options.faults
    with tempfile.TemporaryDirectory() as folder:
        service, heard = Service(Path(folder), PORT), Heard()
        service.start()
        try:
            recoveries = disturb(service, heard, chosen(count, options.seed), options.seed)
            found = find(service, heard.accepted)
        finally:
            service.stop()
    report(recoveries, heard, found)
    return 0 if found.none and not heard.undocumented else 1


def chosen(count: int, seed: int) -> list[str]:
    """Faults by name: every kind as often as the next, in an order that the seed decides."""
    kinds = list(FAULTS)
    picked = [kinds[place % len(kinds)] for place in range(count)]
    random.Random(seed).shuffle(picked)
    return picked


def disturb(service: Service, heard: Heard, faults: Sequence[str], seed: int) -> dict[str, list[float]]:
    """Let clients ask while faults come one after the other; seconds to recovery, by kind."""
    rests, recoveries = random.Random(seed + 1), dict[str, list[float]]()
    clients = [Client(service.address, 1000 * seed + number, heard) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        for kind in faults:
            time.sleep(rests.uniform(*REST_SECONDS))
            began = time.monotonic()
            FAULTS[kind](service)
            seconds = probe(service, began)
            recoveries.setdefault(kind, []).append(seconds)
            print(f"  {kind}: a picture again after {seconds:.1f} s", file=sys.stderr, flush=True)
    finally:
        for client in clients:
            client.stop()
    return recoveries


def probe(service: Service, began: float) -> float:
    """Seconds from the fault until a picture that is asked for now is there."""
    while time.monotonic() < began + PROBE_SECONDS:
        try:
            answer = httpx.post(f"{service.address}/generate", json=PROBE, headers={"Prefer": "wait=20"}, timeout=30)
            if answer.status_code == httpx.codes.OK and answer.json()["state"] == "succeeded":
                break
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    return time.monotonic() - began


def report(recoveries: Mapping[str, Sequence[float]], heard: Heard, found: Findings) -> None:
    """The table."""
    print(f"{'fault':28} {'times':>5}  seconds until a new picture is there: median, worst")
    for kind, seconds in sorted(recoveries.items()):
        print(f"{kind:28} {len(seconds):5}  {statistics.median(seconds):6.1f} {max(seconds):6.1f}")
    print(f"accepted {len(heard.accepted)}: {dict(sorted(found.ended.items()))}; drawn again {found.replayed}")
    for what in ("lost", "unfinished", "failed", "doubled", "wrong_pixels", "wrong_digests"):
        listed = getattr(found, what)
        print(f"{what.replace('_', ' '):28} {len(listed):5}", *listed[:5], sep="  ")
    print(f"{'undocumented answers':28} {len(heard.undocumented):5}", *heard.undocumented[:5], sep="  ")
    print(f"{'never answered':28} {len(heard.given_up):5}", *heard.given_up[:5], sep="  ")


if __name__ == "__main__":
    sys.exit(main())
