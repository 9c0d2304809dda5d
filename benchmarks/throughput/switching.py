"""Diffusers as a server that people would write: `python -m benchmarks.throughput.switching WAY LORAS NAME …`.

Requests wait in a queue for the one thread that draws; the clients are threads of the same process, so nothing is spent
on HTTP. A request's mask is a set of LoRA adapters, put on only where the last request had another. A load is read from
each line of the standard input, and what came of it is written as a line.
"""

import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

from benchmarks.throughput.asked import GUIDANCE, SIDE, Asked
from benchmarks.throughput.loop import Ask, Load, run
from benchmarks.throughput.memory import watched
from sepme_core.demo import MODEL_FOLDER

NICENESS = 5
"""As `sepme serve` starts its workers: whoever else is on the machine takes as much from either."""


class Server:
    """A pipeline, and the queue before it.

    Args:
        way: `stock`: no adapters. `load`: those of a mask are read from their files. `set`: all are read at the start.
        loras: the folder of the files.
        names: what may be masked.
    """

    def __init__(self, way: str, loras: Path, names: Sequence[str]) -> None:
        self._queue = ThreadPoolExecutor(1)
        self._pipeline = self._queue.submit(_open).result()  # where it draws: OpenMP is slower in a second thread
        self._way, self._loras = way, loras
        self._on: tuple[str, ...] = ()
        if way == "set":
            self._queue.submit(self._load, names).result()
            self._pipeline.disable_lora()

    @contextmanager
    def connect(self) -> Iterator[Ask]:
        """A client's way to it."""

        def ask(request: Asked) -> None:
            assert self._queue.submit(self._draw, request).result()

        yield ask

    def _draw(self, request: Asked) -> bytes:
        if request.erased != self._on:
            self._switch(request.erased)
            self._on = request.erased
        image = self._pipeline(
            request.prompt,
            num_inference_steps=request.steps,
            guidance_scale=GUIDANCE,
            width=SIDE,
            height=SIDE,
            generator=torch.Generator().manual_seed(request.seed),
        ).images[0]
        png = io.BytesIO()
        image.save(png, "PNG")
        return png.getvalue()

    def _switch(self, names: Sequence[str]) -> None:
        if self._way == "stock":
            raise SystemExit("The stock pipeline knows no masks.")
        if self._way == "load":
            self._pipeline.unload_lora_weights()
            self._load(names)
        elif not names:
            self._pipeline.disable_lora()
            return
        else:
            self._pipeline.enable_lora()
        if names:
            self._pipeline.set_adapters(list(names))

    def _load(self, names: Sequence[str]) -> None:
        for name in names:
            self._pipeline.load_lora_weights(str(self._loras / f"{name}.safetensors"), adapter_name=name)


def _open() -> StableDiffusionPipeline:
    unchecked = {"safety_checker": None, "requires_safety_checker": False}
    pipeline = StableDiffusionPipeline.from_pretrained(str(MODEL_FOLDER), dtype=torch.float32, **unchecked)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def main(way: str, loras: Path, names: Sequence[str]) -> None:
    """Answer loads until the input ends."""
    os.nice(NICENESS)
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries talk
    server = Server(way, loras, names)
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        document: dict[str, Any] = json.loads(line)
        with watched(lambda: [os.getpid()]) as most:
            measured = run(Load(**document), server.connect)
        print(json.dumps(asdict(replace(measured, memory=most()))), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
