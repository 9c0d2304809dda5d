"""What is compiled of a U-Net, how often, and what comes out of it."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from sepme_core.demo import DEMO
from sepme_core.drawing.draw import generate
from sepme_core.drawing.request import PictureRequest
from sepme_core.models.compiling import compile_blocks
from sepme_core.models.model import BaseNotSupported, DiffusionModel, load_base
from sepme_core.settings import Settings
from tests.sepme_core.increments.random import random_increment
from worker.process import load, load_model

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")  # inductor's own use
REQUEST = PictureRequest("a cat in ink style", seed=3, steps=2, guidance_scale=4.0, width=64, height=64)
WIDTHS = 2  # of the demo model's transformer blocks, seven in all


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    limits = torch._dynamo.config.recompile_limit, torch._dynamo.config.accumulated_recompile_limit
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.config.recompile_limit, torch._dynamo.config.accumulated_recompile_limit = limits
    torch._dynamo.reset()


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """Another thread than the one that compiles, as a worker's jobs have it."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        yield executor


def compiled_count() -> int:
    return int(counters["stats"]["unique_graphs"])


@pytest.mark.slow
def test_each_size_of_a_batch_is_compiled_once_for_blocks_of_a_width_whatever_is_masked(
    base: DiffusionModel, elsewhere: ThreadPoolExecutor
) -> None:
    """The backend is PyTorch's plain one: how often is asked here, and the pixels are the same."""
    compiled = compile_blocks(load_base(DEMO), backend="eager")
    generate(compiled, REQUEST)
    sizes = range(1, 8)  # PyTorch's own bound would leave the last uncompiled
    for count in sizes:
        elsewhere.submit(generate, compiled, replace(REQUEST, count=count)).result()
        assert compiled_count() == count * WIDTHS
    mask = [random_increment(base, name, seed=seed) for seed, name in enumerate(("cat", "ink", "fish"))]
    others = [
        (replace(REQUEST, prompt="a fish", guidance_scale=9.5), mask[:1]),
        (replace(REQUEST, negative_prompt="a heart", scheduler="euler-a", steps=4), mask),
        (replace(REQUEST, count=2, seed=8), mask[1:]),
        (REQUEST, []),
    ]
    for request, increments in others:
        drawn = elsewhere.submit(generate, compiled, request, increments).result()
        assert [each.sha256 for each in drawn] == [each.sha256 for each in generate(base, request, increments)]
    assert compiled_count() == len(sizes) * WIDTHS


def test_a_model_says_whether_it_is_compiled_and_keeps_its_name(base: DiffusionModel) -> None:
    compiled = compile_blocks(load_base(DEMO), backend="eager")
    assert (base.compiled, compiled.compiled) == (False, True)
    assert compiled.digest == base.digest


def test_where_nothing_can_be_compiled_the_generate_worker_says_what_to_do_and_others_need_not(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, compile=True)
    with torch._inductor.config.patch({"cpp.cxx": (None, "/nowhere/g++")}):
        reason = r"SEPME_COMPILE is set.*No working C\+\+ compiler.*install.*or unset"
        with pytest.raises(BaseNotSupported, match=reason):
            load(settings, "generate@here", "generate")
        erasing = load(settings, "erase@here", "erase")
    assert not erasing.base.compiled
    erasing.engine.dispose()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_compiled_pictures_are_those_of_plain_blocks_up_to_rounding(
    base: DiffusionModel, elsewhere: ThreadPoolExecutor
) -> None:
    compiled = load_model(Settings(compile=True), compiled=True)
    before = compiled_count()
    (drawn,) = elsewhere.submit(generate, compiled, REQUEST, [random_increment(base)]).result()
    assert compiled_count() == before  # the trial at the start met this size
    (plain,) = generate(base, REQUEST, [random_increment(base)])
    differences = np.asarray(drawn.image).astype(int) - np.asarray(plain.image).astype(int)
    assert np.abs(differences).max() <= 2
