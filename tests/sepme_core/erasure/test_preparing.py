import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from torch import nn

from sepme_core.erasure import ErasureCache, ErasureRequest, erase, prepare, run_to_end
from sepme_core.models.model import DiffusionModel
from tests.sepme_core.erased import QUICK
from worker.work import LookAhead


def test_the_first_erasures_after_it_embed_nothing_of_their_own_and_make_the_same_bytes(base: DiffusionModel) -> None:
    prepared, unprepared = ErasureCache(base), ErasureCache(base)
    pieces = sum(1 for _ in prepare(prepared))
    assert pieces > 30
    for name, kind in (("mushroom", "object"), ("sepia", "style")):
        request = ErasureRequest(name, kind, (name,), settings=QUICK)
        remembered = set(prepared._embeddings)
        made = run_to_end(erase(base, request, cache=prepared))
        assert set(prepared._embeddings) - remembered <= {"", name}
        assert made.increment.digest == run_to_end(erase(base, request, cache=unprepared)).increment.digest


def test_left_after_any_piece_it_changes_nothing(base: DiffusionModel, cache: ErasureCache) -> None:
    begun = ErasureCache(base)
    for _ in zip(range(3), prepare(begun), strict=False):
        pass
    request = ErasureRequest("cat", "object", ("cat",), settings=QUICK)
    assert run_to_end(erase(base, request, cache=begun)).increment.digest == (
        run_to_end(erase(base, request, cache=cache)).increment.digest
    )


@contextmanager
def slowed(*modules: nn.Module, seconds: float) -> Iterator[list[str]]:
    """Modules that take so much longer; gives a note of every call."""
    calls: list[str] = []

    def wait(module: nn.Module, _given: Any) -> None:
        calls.append(type(module).__name__)
        time.sleep(seconds)

    hooks = [module.register_forward_pre_hook(wait) for module in modules]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def seconds_to_stop(cache: ErasureCache, ready: Callable[[], object]) -> float:
    """How long a job waits that comes once the look-ahead has come as far as ``ready``."""
    ahead = LookAhead(prepare(cache))
    ahead.start()
    deadline = time.monotonic() + 20
    while not ready() and time.monotonic() < deadline:
        time.sleep(0.01)
    began = time.monotonic()
    ahead.stop()
    return time.monotonic() - began


def test_where_a_batch_of_prompts_takes_long_nothing_is_done_ahead_and_no_job_waits(base: DiffusionModel) -> None:
    cache = ErasureCache(base)
    with slowed(base.text_encoder, seconds=0.4) as embedded, slowed(base.unet, seconds=0.0) as passes:
        assert seconds_to_stop(cache, lambda: embedded) < 2
        for _ in prepare(cache):
            pass
    assert not list(cache._embeddings)
    assert not passes


def test_where_a_pass_takes_long_nothing_that_needs_the_unet_is_done_ahead(
    base: DiffusionModel, caplog: pytest.LogCaptureFixture
) -> None:
    cache = ErasureCache(base)
    with slowed(base.unet, seconds=0.1) as passes, caplog.at_level("INFO"):
        for _ in prepare(cache):
            pass
    assert len(passes) == 2
    assert list(cache._embeddings)
    assert "what needs the U-Net" in caplog.text
    assert "left to the jobs" in caplog.text


def test_a_pass_that_takes_very_long_is_not_even_measured_to_its_end(base: DiffusionModel) -> None:
    resnets = [module for module in base.unet.modules() if type(module).__name__ == "ResnetBlock2D"]
    with slowed(*resnets, seconds=0.6) as calls:
        assert seconds_to_stop(ErasureCache(base), lambda: calls) < 3
    assert len(calls) <= 3
