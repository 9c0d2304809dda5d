"""What a model must consist of before a library is asked to load it: its folder's parts, each file by name. No torch.

A library that meets half a model guesses the other half: an empty vocabulary, random weights. Here it is refused.
"""

import fnmatch
import json
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from safetensors import SafetensorError, safe_open

from sepme_core.demo import DEMO, MODEL_FOLDER

INDEX = "model_index.json"
PARTS: Mapping[str, tuple[str, ...]] = {
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
    "text_encoder": ("CLIPTextModel",),
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "scheduler": (),
}
"""The parts that are used, and what each may be; () is any."""
UNUSED = ("safety_checker", "feature_extractor", "image_encoder")
CONFIGURATIONS = {"scheduler": "scheduler_config.json", "tokenizer": "tokenizer_config.json"}
WEIGHTS = {
    "text_encoder": "model",
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
}
SINGLE_FILES = (".safetensors", ".ckpt")
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".msgpack")
HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
REMEDY = "choose a Stable Diffusion 1.x or 2.x model"


class BaseNotSupported(ValueError):
    """The model is no whole Stable Diffusion 1.x or 2.x pipeline that increments can act on; says why and what to do.

    Trying again does not help: the operator has to act.
    """


def model_folder(source: str) -> Path:
    """Where a model lies that is named so, if it is a folder."""
    return MODEL_FOLDER if source == DEMO else Path(source)


def check_source(source: str, variant: str | None = None) -> bool:
    """Whether a model's name is one of a whole folder, rather than of a model on the hub.

    Raises:
        BaseNotSupported: it is neither, or the folder is not whole.
    """
    place = model_folder(source)
    if place.is_dir():
        check_folder(place, variant)
        return True
    if place.exists():
        raise BaseNotSupported(f"{source} is a single file, and a folder is needed. {_conversion_of_file(place)}")
    if not HUB_ID.fullmatch(source):
        raise BaseNotSupported(f"There is nothing at {source}; name `demo`, the folder of a model, or a hub id.")
    return False


def check_folder(folder: Path, variant: str | None = None) -> None:
    """Raise BaseNotSupported where a part of a model folder is missing, cut short or of another kind; names it."""
    if not (folder / INDEX).is_file():
        _refuse_single_file_within(folder)
    _check_index(read_object(folder / INDEX))
    for part in PARTS:
        configuration = folder / part / CONFIGURATIONS.get(part, "config.json")
        read_object(configuration)
        if part in WEIGHTS:
            for file in weight_files(folder / part, WEIGHTS[part], variant):
                _check_readable(file)
    _check_tokenizer(folder / "tokenizer")


def check_names(source: str, names: Collection[str], variant: str | None, revision: str | None) -> None:
    """Raise BaseNotSupported where a model on the hub has weights, and none that may be read; says what to do.

    Args:
        source: its id.
        names: its files, each with the folder of its part.
        variant: which weights to read where a part has several.
        revision: of the model.
    """
    for part, stem in WEIGHTS.items():
        within = [name.removeprefix(f"{part}/") for name in names if name.startswith(f"{part}/")]
        readable = [name for chosen in (variant, None) for name in _named(stem, chosen) if name in within]
        if within and not readable:
            raise BaseNotSupported(_without_weights(PurePosixPath(source) / part, stem, within, revision))


def read_object(file: Path) -> dict[str, Any]:
    """The JSON object in a file of a model.

    Raises:
        BaseNotSupported: there is none.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BaseNotSupported(f"The model is incomplete: {file} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise BaseNotSupported(f"The model is damaged: {file} is no JSON ({error}).") from error
    if not isinstance(found, dict):
        raise BaseNotSupported(f"The model is damaged: {file} holds no JSON object.")
    return found


def chosen_variant(folder: Path, stem: str, variant: str | None) -> str | None:
    """The variant in which a part is to be read: the one asked for where the part has it, else the plain one."""
    return variant if variant is not None and any(_present(folder, stem, variant)) else None


def weight_files(folder: Path, stem: str, variant: str | None) -> list[Path]:
    """The safetensors files of a part.

    Raises:
        BaseNotSupported: there are none, or one of several is missing.
    """
    for file in _present(folder, stem, chosen_variant(folder, stem, variant)):
        if file.suffix == ".safetensors":
            return [file]
        shards = read_object(file).get("weight_map")
        if not isinstance(shards, dict):
            raise BaseNotSupported(f"The model is damaged: {file} names no `weight_map`.")
        return [folder / str(name) for name in sorted(set(shards.values()))]
    raise BaseNotSupported(_without_weights(folder, stem, [file.name for file in folder.glob("*")]))


def _present(folder: Path, stem: str, variant: str | None) -> Iterator[Path]:
    return (folder / name for name in _named(stem, variant) if (folder / name).is_file())


def _named(stem: str, variant: str | None) -> tuple[str, str]:
    """What weights are named, whole and in shards."""
    infix = f".{variant}" if variant else ""
    return f"{stem}{infix}.safetensors", f"{stem}.safetensors.index{infix}.json"


def _without_weights(part: PurePath, stem: str, names: Collection[str], revision: str | None = None) -> str:
    """What is wrong with a part, of a folder or on the hub, whose files are named so."""
    lacking = f"The model is incomplete: there is no {part / stem}.safetensors"
    variant = _only_variant(names, (f"{stem}.*.safetensors", f"{stem}.safetensors.index.*.json"))
    if variant:
        return f"{lacking}, only the variant {variant}; set SEPME_MODEL_VARIANT={variant}."
    if any(name.endswith(PICKLES) for name in names):
        pickled = _only_variant(names, [f"*{stem}.*{suffix}" for suffix in PICKLES])
        more = {"variant": pickled, "revision": revision}
        chosen = "".join(f', {key}="{value}"' for key, value in more.items() if value)
        command = _command(f"from_pretrained({_text(part.parent)}{chosen})", part.parent)
        return f"{lacking}, only pickled weights, which can run code. If you trust them, convert the model: {command}"
    return f"{lacking}."


def _only_variant(names: Collection[str], patterns: Iterable[str]) -> str | None:
    """The variant, the first by name, that files of a part have, such as ``fp16`` in ``model.fp16.safetensors``."""
    found = {name.split(".")[-2] for pattern in patterns for name in fnmatch.filter(names, pattern)}
    return min(found, default=None)


def _refuse_single_file_within(folder: Path) -> None:
    for file in sorted(folder.glob("*")):
        if file.suffix in SINGLE_FILES:
            raise BaseNotSupported(
                f"{folder} has no {INDEX}; {file.name} in it is a single file. {_conversion_of_file(file)}"
            )


def _conversion_of_file(file: Path) -> str:
    """How a folder is made of a single file, which lacks what only the hub holds."""
    trust = "Convert it" if file.suffix == ".safetensors" else "It may run code; if you trust it, convert it"
    target = file.with_suffix("") if file.suffix in SINGLE_FILES else file
    return f"{trust}, with a network: {_command(f'from_single_file({_text(file)})', target)}"


def _command(load: str, target: PurePath) -> str:
    save = f"save_pretrained({_text(target.with_name(target.name + '-folder'))})"
    code = f"from diffusers import StableDiffusionPipeline as P; P.{load}.{save}"
    return f"python -c {shlex.quote(code)}"


def _text(path: PurePath) -> str:
    """A path as Python spells it, in the quotes that a shell leaves alone within others."""
    return json.dumps(str(path), ensure_ascii=False)


def _check_readable(file: Path) -> None:
    try:
        with safe_open(file, framework="numpy"):
            pass
    except (OSError, SafetensorError) as error:
        raise BaseNotSupported(f"The model is incomplete: {file} is no whole safetensors file ({error}).") from error


def _check_tokenizer(folder: Path) -> None:
    if (folder / "tokenizer.json").is_file():
        read_object(folder / "tokenizer.json")
        return
    for name in ("vocab.json", "merges.txt"):
        if not (folder / name).is_file():
            raise BaseNotSupported(f"The model is incomplete: there is no {folder / name}, and no tokenizer.json.")
    read_object(folder / "vocab.json")


def _check_index(index: Mapping[str, Any]) -> None:
    named = {name: value for name, value in index.items() if isinstance(value, list) and any(value)}
    kind = index.get("_class_name", "pipeline of an unknown kind")
    for part, kinds in PARTS.items():
        if part not in named:
            raise BaseNotSupported(f"The model is a {kind} without {part} in its {INDEX}; {REMEDY}.")
        if kinds and named[part][-1] not in kinds:
            raise BaseNotSupported(f"The model is a {kind}: its {part} is a {named[part][-1]}; {REMEDY}.")
    more = sorted(set(named) - set(PARTS) - set(UNUSED))
    if more:
        raise BaseNotSupported(f"The model is a {kind}: it has {', '.join(more)} too; {REMEDY}.")
