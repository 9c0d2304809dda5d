"""Pictures denoised together, a step at a time: they join and leave between two steps, each with a state of its own.

The arithmetic is the stock pipeline's. A prompt under its mask is rows of K and V, so any prompts, masks, guidance
scales, numbers of steps and schedulers make one batch; only what the U-Net's shape forbids does not: another size, and
guided beside unguided.

How a matrix product rounds may depend on how many rows it has. So batches are filled up to few sizes, at which no row
depends on its place or on the others: a picture has the pixels that its batches' sizes give it, whoever else is in
them. They stand in its record.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from sepme_core.documents.requests import BatchSpan
from sepme_core.drawing.conditioning import Conditioner, Conditioning
from sepme_core.drawing.draw import decode
from sepme_core.drawing.memory import is_out_of_memory, release
from sepme_core.drawing.request import Picture, PictureRequest, make_record
from sepme_core.increments.mask import Mask
from sepme_core.models.cross_attention import KeysAndValues
from sepme_core.models.model import DiffusionModel
from sepme_core.models.schedulers import make_scheduler, step_arguments

SIZES = (1, 2, 4, 8, 12, 16)
"""Pictures in a batch. On the CPUs seen, products of 1 to 4, 8, 12 and more rows round each row by itself, and 5 to 11
do not (`tests/sepme_core/drawing/test_batch.py` holds it); of a guided picture there are two rows."""
STEPS_UNTIL_LARGER = 64
"""After so many steps without want of memory a batch that was split is tried larger again."""


@dataclass(frozen=True)
class Shape:
    """What all pictures of a batch share; ``apart`` is the request of those drawn in batches of given sizes."""

    width: int
    height: int
    guided: bool
    apart: int | None = None


class Row:
    """One picture in the making: number ``place`` of its request, with its noise and its scheduler's state.

    Args:
        base: The model.
        request: What is asked for.
        place: The picture's number in the request; its seed is the request's and that.
        conditions: K and V of the prompt; where the picture is guided, of the negative prompt before.
        mask: What is erased in it.
    """

    def __init__(
        self,
        base: DiffusionModel,
        request: PictureRequest,
        place: int,
        conditions: Sequence[Conditioning],
        mask: Mask,
    ) -> None:
        self.request, self.place, self.conditions, self.mask = request, place, tuple(conditions), mask
        self.batches: list[BatchSpan] = []
        self._scheduler = make_scheduler(request.scheduler, base.scheduler)
        self._scheduler.set_timesteps(request.steps)  # on the CPU: to look up a time is no synchronisation
        self._generator = torch.Generator().manual_seed(request.seed + place)
        self._further = step_arguments(self._scheduler, self._generator)
        self.done = 0  # steps
        size = (1, base.unet.config.in_channels, request.height // base.downscale, request.width // base.downscale)
        noise = randn_tensor(size, generator=self._generator, device=base.device, dtype=base.dtype)
        self.latents = noise * self._scheduler.init_noise_sigma  # (1, channels, height, width)

    @property
    def steps(self) -> int:
        """How often the U-Net is asked until it is drawn: some schedulers ask more often than their steps are."""
        return len(self._scheduler.timesteps)

    @property
    def drawn(self) -> bool:
        """Whether all are."""
        return self.done == self.steps

    @property
    def time(self) -> Tensor:
        """Where in the noise schedule the next step is, a number on the CPU."""
        time: Tensor = self._scheduler.timesteps[self.done]
        return time

    @property
    def asked_size(self) -> int | None:
        """The batch size that the request asks for at the next step."""
        before = 0
        for span in self.request.batches:
            before += span["steps"]
            if self.done < before:
                return span["size"]
        return self.request.batches[-1]["size"] if self.request.batches else None

    def scaled(self) -> Tensor:
        """The latents as the U-Net takes them: (1, channels, height, width)."""
        scaled: Tensor = self._scheduler.scale_model_input(self.latents, self.time)
        return scaled

    def advance(self, predicted: Tensor, size: int) -> None:
        """Take a step by what the U-Net ``predicted`` in a batch of ``size``: (1 or 2, channels, height, width)."""
        noise = predicted[-1:]
        if len(predicted) > 1:
            unconditioned = predicted[:1]
            noise = unconditioned + self.request.guidance_scale * (noise - unconditioned)
        self.latents = self._scheduler.step(noise, self.time, self.latents, **self._further, return_dict=False)[0]
        self.done += 1
        if not self.batches or self.batches[-1]["size"] != size:
            self.batches.append({"size": size, "steps": 0})
        self.batches[-1]["steps"] += 1

    def picture(self, base: DiffusionModel) -> Picture:
        """What was drawn, with its record."""
        (image,) = decode(base, self.latents)
        record = make_record(base, self.request, self.mask.applied, row=self.place, batches=self.batches)
        return Picture(image, record)


def begin(base: DiffusionModel, conditioner: Conditioner, request: PictureRequest, mask: Mask) -> list[Row]:
    """The rows of all pictures of a request, before their first step."""
    texts = [request.negative_prompt, request.prompt] if request.guidance_scale > 1 else [request.prompt]
    conditions = [conditioner.condition(text, mask) for text in texts]
    return [Row(base, request, place, conditions, mask) for place in range(request.count)]


def shape_of(row: Row) -> Shape:
    """In which batch a row fits; one of given sizes only together with the others of its request."""
    request = row.request
    return Shape(request.width, request.height, len(row.conditions) > 1, id(request) if request.batches else None)


@dataclass(frozen=True)
class Failed:
    """A row that cannot go on, and why."""

    row: Row
    error: Exception


@dataclass(frozen=True)
class _Stacked:
    """What the rows of a batch are told by, side by side, for as long as they stay together."""

    embeddings: Tensor
    given: KeysAndValues


@dataclass(eq=False)
class Batch:
    """The rows of one shape that are in the making.

    Attributes:
        base: The model.
        most: How many are denoised at once at the most; one of SIZES.
        rows: They, in the order in which they joined.
    """

    base: DiffusionModel
    most: int = SIZES[-1]
    rows: list[Row] = field(default_factory=list)
    _stacked: dict[tuple[Row, ...], _Stacked] = field(default_factory=dict)
    _in_use: dict[tuple[Row, ...], _Stacked] = field(default_factory=dict)
    _fits: int = SIZES[-1]
    _since_split: int = 0

    def step(self) -> list[Failed]:
        """Take one denoising step with every row; those that cannot are left out of the batch, and returned.

        What does not fit the memory is split and tried again. So is what fails otherwise: one that cannot be drawn
        takes no other with it.
        """
        failed: list[Failed] = []
        self._stacked, self._in_use = self._in_use, {}  # of the last step
        at_once = largest_size(min(self.most, self._fits))
        pinned = self.rows[0].asked_size
        for start in range(0, len(self.rows), pinned or at_once):
            part = self.rows[start : start + (pinned or at_once)]
            failed += self._advance(part, pinned or size_for(len(part)))
        gone = {each.row for each in failed}
        self.rows = [row for row in self.rows if row not in gone]
        self._since_split += 1
        if self._since_split >= STEPS_UNTIL_LARGER:
            self._fits, self._since_split = min(2 * self._fits, SIZES[-1]), 0
        return failed

    def _advance(self, rows: Sequence[Row], size: int) -> Iterator[Failed]:
        predicted, error = self._try(rows, size)
        if predicted is not None:
            for place, row in enumerate(rows):
                try:
                    row.advance(predicted[:, place], size)
                except Exception as failure:  # noqa: BLE001  (a scheduler's own, of whatever kind)
                    yield Failed(row, failure)
            return
        assert error is not None
        if is_out_of_memory(error):
            self._stacked, self._in_use = {}, {}
            release(self.base.device)
            self._fits, self._since_split = largest_size(max(size - 1, 1)), 0
        if len(rows) == 1:
            yield Failed(rows[0], error)
            return
        half = largest_size(len(rows) - 1)
        for part in (rows[:half], rows[half:]):
            yield from self._advance(part, size if rows[0].asked_size else size_for(len(part)))

    def _try(self, rows: Sequence[Row], size: int) -> tuple[Tensor | None, Exception | None]:
        """What the U-Net predicts, or why it does not; the frames that hold the memory are gone by then."""
        try:
            return self._predict(rows, size), None
        except Exception as error:  # noqa: BLE001  (whatever a model can do wrong)
            return None, error.with_traceback(None)

    @torch.no_grad()
    def _predict(self, rows: Sequence[Row], size: int) -> Tensor:
        """By the U-Net: (1 or 2, size, channels, height, width), the negative prompts' first."""
        padded = (*rows, *[rows[-1]] * (size - len(rows)))
        ways = len(rows[0].conditions)
        stacked = self._stack(padded)
        latents = torch.cat([row.scaled() for row in padded] * ways)
        pinned = self.base.device.type == "cuda"  # else a copy is waited for
        times = torch.tensor([float(row.time) for row in padded] * ways, pin_memory=pinned)
        predicted: Tensor = self.base.unet(
            latents,
            times.to(latents.device, non_blocking=True),
            encoder_hidden_states=stacked.embeddings,
            cross_attention_kwargs={"given": stacked.given},
            return_dict=False,
        )[0]
        return predicted.unflatten(0, (ways, size))

    def _stack(self, rows: tuple[Row, ...]) -> _Stacked:
        """Made anew only where rows joined or left."""
        stacked = self._stacked.get(rows)
        if stacked is None:
            conditions = [row.conditions[way] for way in range(len(rows[0].conditions)) for row in rows]
            given = {path: _side_by_side([each.given[path] for each in conditions]) for path in conditions[0].given}
            stacked = _Stacked(torch.cat([each.embedding for each in conditions]), given)
        self._in_use[rows] = stacked
        return stacked


def _side_by_side(pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """K and V of several texts, each (1, tokens, d_out), as (texts, tokens, d_out)."""
    return torch.cat([key for key, _ in pairs]), torch.cat([value for _, value in pairs])


def size_for(rows: int) -> int:
    """The size of the batch in which so many are denoised: they and copies to fill it up."""
    return next(size for size in SIZES if size >= rows)


def largest_size(rows: int) -> int:
    """The largest batch that so many fill."""
    return max(size for size in SIZES if size <= rows)
