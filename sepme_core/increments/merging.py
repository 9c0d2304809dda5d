"""Increments for programs that know no masks: merged into the weights of a pipeline folder, or put on a pipeline.

``python -m sepme_core.increments.merging --model demo --increment FILE … FOLDER``. Merging is one way: from the folder
nothing can be given back. Increments leave the empty prompt alone to rounding only, so its pictures may differ by a
grey level.
"""

import argparse
import copy
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel

from sepme_core.demo import DEMO
from sepme_core.increments.format import read_metadata
from sepme_core.increments.increment import Increment, IncrementDamaged, IncrementForAnotherBase, check_base
from sepme_core.increments.lora import LORA_FORMAT
from sepme_core.models.cross_attention import conditioned_matrices
from sepme_core.models.model import BaseNotSupported, DiffusionModel, base_digest, load_base
from sepme_core.models.schedulers import make_scheduler

SCHEDULER = "ddim"
ORIGIN = "merged.json"


class FolderNotEmpty(ValueError):
    """Something lies in the folder already; a merged model is never mixed with it."""


def save_merged(base: DiffusionModel, increments: Sequence[Increment], folder: Path) -> None:
    """Write the pipeline whose ``to_k`` and ``to_v`` are W + sum_i w_i Q_i^T, added in single precision.

    The base stays as it is. ``StableDiffusionPipeline.from_pretrained`` and ``load_base`` read the folder;
    ``merged.json`` in it names the base and the increments. The scheduler is DDIM on the base's noise schedule.

    Raises:
        FolderNotEmpty: ``folder`` holds something.
        IncrementForAnotherBase, IncrementDamaged: an increment does not belong to ``base``.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FolderNotEmpty(f"{folder} is not empty; name a folder that does not exist yet")
    ordered = sorted(increments, key=lambda increment: increment.concept)
    for increment in ordered:
        check_base(increment, base, increment.concept)
    StableDiffusionPipeline(
        vae=base.autoencoder,
        text_encoder=base.text_encoder,
        tokenizer=base.tokenizer,
        unet=merged_unet(base, ordered),
        scheduler=make_scheduler(SCHEDULER, base.scheduler),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    merged = [{"concept": increment.concept, "digest": increment.digest} for increment in ordered]
    (folder / ORIGIN).write_text(json.dumps({"base_digest": base.digest, "increments": merged}, indent=2) + "\n")


@torch.no_grad()
def merged_unet(base: DiffusionModel, increments: Sequence[Increment]) -> UNet2DConditionModel:
    """A copy of the base's U-Net in single precision, the increments added to its weights."""
    unet = copy.deepcopy(base.unet).float()
    for path, linear in conditioned_matrices(unet).items():
        for increment in increments:
            directions = increment.directions.to(linear.weight)  # (d_in, rank)
            linear.weight += increment.weight(path).to(linear.weight) @ directions.T
    return unet


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns: the exit status: 0, or 2 where the model cannot be merged as asked.
    """
    chosen = _parser().parse_args(arguments)
    try:
        base = load_base(chosen.model, revision=chosen.revision, device="cpu")
        increments = [Increment.from_bytes(file.read_bytes(), base=base) for file in chosen.increment]
        save_merged(base, increments, chosen.folder)
    except (OSError, BaseNotSupported, IncrementDamaged, IncrementForAnotherBase, FolderNotEmpty) as refusal:
        print(f"sepme: {refusal}", file=sys.stderr)
        return 2
    print(f"{chosen.folder}: {base.name} without {', '.join(each.concept for each in increments) or 'nothing'}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sepme_core.increments.merging",
        description="Write a model with concepts erased from its weights for good.",
    )
    parser.add_argument("--model", default=DEMO, help="a Stable Diffusion 1.x or 2.x folder or hub id (the demo model)")
    parser.add_argument("--revision", help="the revision of a hub id")
    parser.add_argument(
        "--increment", type=Path, action="append", required=True, help="an increment file; give it once for each"
    )
    parser.add_argument("folder", type=Path, help="where to write the model; it must not hold anything yet")
    return parser


if __name__ == "__main__":
    sys.exit(main())


def load_lora(pipeline: StableDiffusionPipeline, file: Path) -> None:
    """As ``pipeline.load_lora_weights``, for a pipeline as it was loaded in single precision, scheduler included.

    Raises:
        IncrementDamaged: ``file`` is no such file.
        IncrementForAnotherBase: it was made for other weights, on which it would erase something else, or nothing.
    """
    data = file.read_bytes()
    try:
        described = read_metadata(data)
        written, made_for = described["format"], described["base_digest"]
    except (KeyError, TypeError, ValueError) as error:
        raise IncrementDamaged(f"{file} is no LoRA file of {LORA_FORMAT} ({error})") from error
    if written != LORA_FORMAT:
        raise IncrementDamaged(f"{file} is of the format {written}, and no LoRA file of {LORA_FORMAT}")
    here = base_digest(pipeline)
    if made_for != here:
        raise IncrementForAnotherBase(f"{file} was made for base {made_for}, and this is {here}; take that model")
    pipeline.load_lora_weights(str(file))
