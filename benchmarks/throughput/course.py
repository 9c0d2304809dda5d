"""What is measured after what.

All systems run all the time, and one at a time has work. A round takes every number of clients, every system and every
scenario in turn, and the next round the other way round, so that a machine that grows slower or faster does so for all.
Where a per cent counts, single requests are sent in turn.
"""

import itertools
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import psutil

from benchmarks.throughput.asked import ERASED, FEW, SCENARIOS, STEPS
from benchmarks.throughput.loop import Load, Measured, quantile
from benchmarks.throughput.peers import Peer, running
from benchmarks.throughput.services import HERE, await_ready, make_state, serving

SETTINGS = {"one by one": {"SEPME_BATCH_PICTURES": "1"}}
"""Besides the service's own choices."""
MASKING = ("lora loaded", "lora set")
BUSY = 8
"""The clients of the bars."""
Document = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """How much is measured; `seconds` is when a client begins nothing more."""

    rounds: int = 3
    clients: Sequence[int] = (1, 4, 8, 16)
    each: Mapping[int, int] = field(default_factory=lambda: {1: 8, 4: 4, 8: 4, 16: 3})
    seconds: float = 20.0
    lone: int = 25
    newcomers: int = 2
    steps: int = STEPS
    peers_scenarios: Sequence[str] = ("same", "mixed", "hundred")
    quick: bool = False


QUICK = Plan(
    rounds=1,
    clients=(1, BUSY),
    each={1: 3, BUSY: 3},
    seconds=15.0,
    lone=5,
    newcomers=1,
    peers_scenarios=("mixed",),
    quick=True,
)


class System(Protocol):
    """What is measured."""

    @property
    def name(self) -> str:
        """As the table calls it."""

    def measure(self, load: Load) -> Measured:
        """Put a load on it."""


def measure(plan: Plan, folder: Path, before: Path | None, keep: Callable[[Document], None]) -> Document:
    """Everything, in a folder for what it takes; `keep` is given what there is after each round."""
    document: Document = {"machine": machine(), "plan": asdict(plan), "cells": [], "lone": [], "newcomers": []}
    document["commit"] = commit(HERE)
    document["before"] = commit(before) or "not known to git" if before else None
    with started(folder, before, masked_by_peers=plan.peers_scenarios) as systems:
        warm(systems)
        for number in range(plan.rounds):
            rounds(document, plan, systems, number)
            document["plan"]["rounds"] = number + 1  # those that are done: the rest may never be
            keep(document)
    return document


def rounds(document: Document, plan: Plan, systems: Mapping[str, Sequence[System]], number: int) -> None:
    """One round: what is sent singly, the cells, the newcomers."""
    lone(document, plan, systems, number)
    cells = in_turn(plan, systems)
    for place, (clients, system, scenario) in enumerate(reversed(cells) if number % 2 else cells):
        first = 100_000 * number + 1_000 * clients
        measured = system.measure(Load(scenario, clients, plan.each[clients], plan.seconds, first, plan.steps))
        cell = {"round": number, "system": system.name, "scenario": scenario, "clients": clients, **figures(measured)}
        document["cells"].append(cell)
        said = f"{cell['per_second']:6.2f} a second, p50 {cell['p50']:6.2f} s, p95 {cell['p95']:6.2f} s"
        print(
            f"  {number + 1}.{place + 1}/{len(cells)}  {system.name:12} {scenario:8} {clients:2} clients {said}",
            flush=True,
        )
    for name in systems:
        scenario, system = taken(plan, name, systems[name], BUSY)[-1]
        came = system.measure(Load(scenario, BUSY, 0, 0.0, 100_000 * number, plan.steps, plan.newcomers)).newcomers
        document["newcomers"].append({"round": number, "system": name, "clients": BUSY, "seconds": rounded(came)})


def in_turn(plan: Plan, systems: Mapping[str, Sequence[System]]) -> list[tuple[int, System, str]]:
    """The cells in an order in which what a ratio is of is near in time: a shared machine's pace changes by the minute.

    Scenario by scenario; the systems of one forwards and of the next backwards.
    """
    cells: list[tuple[int, System, str]] = []
    for clients in plan.clients:
        takers = [taken(plan, name, systems[name], clients) for name in systems]
        for place, scenario in enumerate(SCENARIOS):
            of_scenario = [(clients, system, each) for taker in takers for each, system in taker if each == scenario]
            cells += reversed(of_scenario) if place % 2 else of_scenario
    return cells


def lone(document: Document, plan: Plan, systems: Mapping[str, Sequence[System]], number: int) -> None:
    """Single requests in turn, to the services, without a mask and under that of a hundred concepts."""
    turns = [(systems[name][0], scenario) for name in systems if _serves(name) for scenario in ("none", "hundred")]
    took: dict[tuple[str, str], list[float]] = {(system.name, scenario): [] for system, scenario in turns}
    for turn in range(plan.lone):
        for system, scenario in reversed(turns) if turn % 2 else turns:
            measured = system.measure(Load(scenario, 1, 1, plan.seconds, 100_000 * number + turn, plan.steps))
            took[system.name, scenario] += measured.latencies
    for (name, scenario), seconds in took.items():
        document["lone"].append({"round": number, "system": name, "scenario": scenario, "seconds": rounded(seconds)})


def taken(plan: Plan, name: str, systems: Sequence[System], clients: int) -> list[tuple[str, System]]:
    """The scenarios of a system, with which of its processes takes each; the last one is the usual.

    A hundred adapters take so long that one client is enough to say so; more would wait in the queue.
    """
    if name == "stock":
        return [("none", systems[0])]
    if _serves(name):
        return [(scenario, systems[0]) for scenario in SCENARIOS]
    few = [(scenario, systems[0]) for scenario in plan.peers_scenarios if scenario != "hundred"]
    return [("hundred", systems[-1]), *few] if clients == 1 and "hundred" in plan.peers_scenarios else few


def _serves(name: str) -> bool:
    return name in {"before", "one by one", "batched"}


def warm(systems: Mapping[str, Sequence[System]]) -> None:
    """The first of everything takes longer: a picture, and where there are batches one of eight."""
    for name, processes in systems.items():
        scenario, clients = ("mixed", BUSY) if _serves(name) else ("none", 1)
        processes[0].measure(Load(scenario, clients, 1, 60.0, 10_000_000))


@contextmanager
def started(
    folder: Path, before: Path | None, masked_by_peers: Sequence[str]
) -> Iterator[Mapping[str, Sequence[System]]]:
    """All systems, ready, by name."""
    began = time.monotonic()
    print("Filling registries and starting everything …", flush=True)
    make_state(HERE, folder / "state")
    codes = {"one by one": HERE, "batched": HERE}
    if before:
        make_state(before, folder / "state-before")
        codes = {"before": before, **codes}
    print(f"  registries filled after {time.monotonic() - began:.0f} s", flush=True)
    with ExitStack() as stack:
        peers = _peers(stack, folder, [FEW, ERASED] if "hundred" in masked_by_peers else [FEW])
        services = [
            stack.enter_context(serving(name, code, _state(folder, name), folder / name, SETTINGS.get(name, {})))
            for name, code in codes.items()
        ]
        for peer in itertools.chain.from_iterable(peers.values()):
            peer.answer()
        for service in services:
            await_ready(service)
        print(f"  everything answers after {time.monotonic() - began:.0f} s", flush=True)
        for service in services:
            service.await_quiet()
        print(f"  all is quiet after {time.monotonic() - began:.0f} s.", flush=True)
        yield {**peers, **{service.name: [service] for service in services}}


def _state(folder: Path, name: str) -> Path:
    return folder / ("state-before" if name == "before" else "state") / "home"


def _peers(stack: ExitStack, folder: Path, catalogues: Sequence[Sequence[str]]) -> dict[str, list[Peer]]:
    """Those that switch adapters have a process for each catalogue, the smaller first: what is loaded costs."""
    return {
        name: [
            stack.enter_context(running(name, folder / "state" / "loras", names, folder / f"{name}-{len(names)}.log"))
            for names in (catalogues if name in MASKING else catalogues[:1])
        ]
        for name in ("stock", *MASKING)
    }


def figures(measured: Measured) -> Document:
    """A cell's."""
    return {
        "pictures": measured.pictures,
        "seconds": round(measured.seconds, 3),
        "per_second": round(measured.pictures / measured.seconds, 3),
        "p50": round(quantile(measured.latencies, 50), 4),
        "p95": round(quantile(measured.latencies, 95), 4),
        "memory": round(measured.memory, 1),
    }


def rounded(seconds: Sequence[float]) -> list[float]:
    """To a tenth of a millisecond."""
    return [round(each, 4) for each in seconds]


def machine() -> Document:
    """What the figures were taken on."""
    libraries = ("torch", "diffusers", "transformers", "peft")
    return {
        "cores": psutil.cpu_count(),
        "processor": platform.machine(),
        "threads": int(os.environ.get("OMP_NUM_THREADS", psutil.cpu_count())),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in libraries},
        "load": round(os.getloadavg()[0], 1),
        "date": time.strftime("%Y-%m-%d"),
    }


def commit(code: Path) -> str | None:
    """Which code a checkout holds, where git knows."""
    command = ("git", "-C", str(code), "describe", "--always", "--dirty")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None
