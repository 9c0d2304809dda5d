"""`sepme generate`: pictures into files, and onto the terminal."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sepme.commands import following, pictures, printing
from sepme.commands.endings import DONE, CannotDo
from sepme.commands.options import AsJson
from sepme.commands.service import KeyFile, ProfileName, Url, connected


def generate(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="Plain words.")],
    erased: Annotated[
        str,
        typer.Option(
            metavar="active|none|a,b", help="Under which mask: all that is erased now, none, or exactly these."
        ),
    ] = "active",
    seed: Annotated[int | None, typer.Option(help="Of the first picture; else one is drawn, and said.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps; else the model's.")] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many pictures.")] = 1,
    negative_prompt: Annotated[str | None, typer.Option(metavar="TEXT", help="What is not wanted.")] = None,
    guidance_scale: Annotated[float | None, typer.Option(help="How closely the prompt is followed.")] = None,
    width: Annotated[int | None, typer.Option(help="In pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="In pixels.")] = None,
    scheduler: Annotated[str | None, typer.Option(metavar="NAME", help="One that GET /model lists.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to, or the folder; - is stdout. Else named by prompt and seed, here.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    show: Annotated[
        bool | None, typer.Option("--show/--no-show", help="On the terminal, too; else where stdout is one.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Follow it to its end, or leave it with its job's number.")
    ] = True,
    as_json: AsJson = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """Draw pictures into files, none of which is overwritten, and show them where the terminal can."""
    pictures.check_place(output, number, force=force, as_json=as_json)
    with connected(url, key_file, profile, as_json=as_json) as client:
        job = client.generate(
            prompt,
            erased=read_mask(erased),
            negative_prompt=negative_prompt,
            seed=seed,
            count=number,
            steps=steps,
            guidance_scale=guidance_scale,
            width=width,
            height=height,
            scheduler=scheduler,
            wait=False,
        )
        if wait:
            job = following.to_its_end(job, "Drawing")
        if job.state != "succeeded":
            return _unfinished(job.document, as_json=as_json, wait=wait)
        drawn = [(image, image.content()) for image in job.images]
    if output == pictures.STDOUT:
        pictures.to_stdout(drawn[0][1])
        return DONE
    files = [pictures.write(png, prompt, image.seed, output, many=number > 1, force=force) for image, png in drawn]
    _report(job.document, files, as_json=as_json)
    if not as_json and (show or (show is None and pictures.can_be_shown())):
        shown = [pictures.show(png) for _, png in drawn]
        if show and not all(shown):
            printing.note("sepme: They cannot be shown here: that takes a terminal, and textual-image (sepme doctor).")
    return DONE


def read_mask(erased: str) -> Literal["active"] | list[str]:
    """The mask that `--erased` names.

    Raises:
        CannotDo: it names none.
    """
    if erased == "active":
        return "active"
    names = [name.strip() for name in erased.split(",") if name.strip()]
    if not names or ({"active", "none"} & set(names) and names != ["none"]):
        raise CannotDo("--erased is active, none, or names of concepts with commas between, and not some of each")
    return [] if names == ["none"] else names


def _unfinished(document: Any, *, as_json: bool, wait: bool) -> int:
    """It failed, was cancelled, or was not to be waited for."""
    if as_json:
        printing.document(document)
    ended = following.ending(document) if wait or document["state"] in {"failed", "cancelled"} else DONE
    if not as_json and ended == DONE:
        printing.lines([following.accepted(document)])
    return ended


def _report(document: Any, files: list[Path], *, as_json: bool) -> None:
    result = document["result"]
    for warning in result.get("warnings", []):
        printing.note(f"sepme: {warning}")
    if as_json:
        printing.document({**document, "files": [str(file) for file in files]})
        return
    mask = [f"{each['name']} (version {each['version']})" for each in result["mask"]["concepts"]]
    printing.lines(
        [
            *(f"{file}  seed {image['seed']}" for file, image in zip(files, result["images"], strict=True)),
            f"Without {', '.join(mask)}." if mask else "Nothing was erased.",
        ]
    )
