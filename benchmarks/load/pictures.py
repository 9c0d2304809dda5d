"""A picture's time beside its drawing.

Each picture is asked for with the line held. Its parts, by the clock that client, service and database share:

- accept: from the client's sending to the job's `created_at`;
- claim: from there to `started_at`: the doorbell, the worker that hears it, its claim;
- beside: from `started_at` to `finished_at` without the denoising steps: text encoder, decoder, PNG, storing,
  publishing. A step is what one more of them takes longer, at the median;
- answer: from `finished_at` to the whole answer at the client.

"around" is accept, claim and answer of a picture together. What is the service's own of "beside" is not told apart
from what the text encoder and the decoder take.
"""

import statistics
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from time import time

import httpx

STEPS = (4, 8)


@dataclass(frozen=True)
class Share:
    """Milliseconds of one picture."""

    accept: float
    claim: float
    work: float
    answer: float


def share(client: httpx.Client, pictures: int) -> dict[str, float]:
    """Draw so many pictures of each number of steps; the parts at the median, in milliseconds."""
    _draw(client, STEPS[0], 0)  # the first is for caches
    few, many = ([_draw(client, steps, seed) for seed in range(pictures)] for steps in STEPS)
    every = few + many
    works = [statistics.median(each.work for each in drawn) for drawn in (few, many)]
    step = (works[1] - works[0]) / (STEPS[1] - STEPS[0])
    around = sorted(each.accept + each.claim + each.answer for each in every)
    return {
        "accept": statistics.median(each.accept for each in every),
        "claim": statistics.median(each.claim for each in every),
        "beside": works[0] - STEPS[0] * step,
        "answer": statistics.median(each.answer for each in every),
        "around p50": statistics.median(around),
        "around p95": around[len(around) * 95 // 100],
    }


def _draw(client: httpx.Client, steps: int, seed: int) -> Share:
    body = {"prompt": "a cat", "erased": [], "steps": steps, "seed": seed}
    sent = time()
    answer = client.post("/generate", json=body, headers={"Prefer": "wait=60"})
    received = time()
    if not answer.is_success:
        raise SystemExit(f"A picture was answered {answer.status_code}: {answer.text}")
    job = answer.json()
    created, started, finished = (
        datetime.fromisoformat(job[name]).timestamp() for name in ("created_at", "started_at", "finished_at")
    )
    return Share(*(1000 * (later - sooner) for sooner, later in pairwise((sent, created, started, finished, received))))
