"""Install sepme into this interpreter's environment: what constraints.txt pins, each file held against its hashes.

    python deploy/install.py [--editable] [EXTRA ...]

pip either holds every file against a hash or none, and a checkout has none. So it is asked three times: what it would
install under these versions, to install that by its hashes, and to install the checkout. PIP_OPTIONS goes to the first
two. The build backend, which only puts files together, is fetched by pip as ever.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
PER_DEVICE = {"torch"}
"""Built anew for a CPU or a CUDA release, by indexes of their own; a build named so (2.13.0+cpu) is in no lock."""


@dataclass(frozen=True)
class Wanted:
    """A release that pip would install: 2.13.0+cpu is the build `cpu` of the release 2.13.0."""

    name: str
    version: str

    @property
    def released(self) -> str:
        """The version without the build."""
        return self.version.partition("+")[0]

    @property
    def is_per_device(self) -> bool:
        """Whether it is a build whose hashes nobody can write down beforehand."""
        return self.name in PER_DEVICE and self.version != self.released


def normal(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(constraints: str) -> Mapping[tuple[str, str], str]:
    """By name and version: the pin with its hashes, as it is written, without the marker."""
    found = re.finditer(r"^([\w.-]+)==([^\s;]+)[^\n\\]*((?:\\\n +--hash=\S+ *)*)", constraints, re.MULTILINE)
    return {(normal(pin[1]), pin[2]): f"{pin[1]}=={pin[2]} {pin[3]}" for pin in found}


def versions(constraints: str) -> str:
    """The same constraints without the hashes, which would have pip refuse a checkout."""
    return re.sub(r" *\\\n +--hash=\S+", "", constraints)


def requirements(wanted: Iterable[Wanted], pinned: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """A line of a requirements file for each release.

    Raises:
        SystemExit: one is pinned nowhere, so that whatever the index has would be installed.
    """
    for each in wanted:
        if (each.name, each.version) not in pinned:
            raise SystemExit(f"{each.name} {each.version} is not in constraints.txt: `make constraints`, and look.")
        yield pinned[each.name, each.version]


def pip(*arguments: str) -> None:
    """Run this interpreter's pip; end as it ends where it fails."""
    done = subprocess.run((sys.executable, "-m", "pip", "--quiet", *arguments), check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


def wanted(extras: str, constraints: Path, options: Iterable[str]) -> list[Wanted]:
    """What is missing for the checkout with these extras, as pip resolves it; the checkout itself left out."""
    report = constraints.with_name("report.json")
    source = f"{CHECKOUT}[{extras}]" if extras else str(CHECKOUT)
    pip("install", *options, "--dry-run", "--report", str(report), "-c", str(constraints), source)
    listed = json.loads(report.read_text())["install"]
    indexed = [each["metadata"] for each in listed if "dir_info" not in each["download_info"]]
    return [Wanted(normal(each["name"]), each["version"]) for each in indexed]


def install(extras: str, options: list[str], *, editable: bool) -> None:
    """Install the checkout with these extras."""
    constraints = (CHECKOUT / "constraints.txt").read_text()
    with tempfile.TemporaryDirectory() as folder:
        file, hashed = Path(folder, "constraints.txt"), Path(folder, "requirements.txt")
        file.write_text(versions(constraints))
        missing = wanted(extras, file, options)
        built = [f"{each.name}=={each.version}" for each in missing if each.is_per_device]
        held = [each for each in missing if not each.is_per_device]
        if built:
            pip("install", *options, "--no-deps", *built)
        if held:
            hashed.write_text("\n".join(requirements(held, pins(constraints))))
            pip("install", *options, "--no-deps", "--require-hashes", "-r", str(hashed))
    pip("install", "--no-deps", *(["--editable"] if editable else []), str(CHECKOUT))


def main() -> None:
    """Read the command line, and install."""
    parser = argparse.ArgumentParser(description="Install this checkout of sepme, every file held against its hashes.")
    parser.add_argument("--editable", action="store_true", help="let the checkout itself be imported, not a copy")
    parser.add_argument("extras", metavar="EXTRA", nargs="*", help="worker, test, lint, …; none: the front end alone")
    chosen = parser.parse_args()
    install(",".join(chosen.extras), shlex.split(os.environ.get("PIP_OPTIONS", "")), editable=chosen.editable)


if __name__ == "__main__":
    main()
