"""New pictures looked at by a judge of this machine, in a process that may load a model."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from sepme_core.extras import worker_lacking

PROGRAM = "worker.verify.looking"


@dataclass(frozen=True)
class ToLookAt:
    """Pictures of a concept, and how it is said."""

    name: str
    kind: str
    prompts: Sequence[str]
    files: Sequence[Path]


class Seen(TypedDict):
    """What was seen of a concept: whether each picture shows it, and how many of them may."""

    shows: list[bool]
    limit: int


@dataclass(frozen=True)
class Looked:
    """What came of it.

    Attributes:
        by: Who looked; "" where nobody did.
        why: Why nobody did.
        seen: What was seen, by the concepts' names; what the judge does not know is not there.
    """

    by: str
    why: str
    seen: Mapping[str, Seen]


def look(base_digest: str, concepts: Sequence[ToLookAt]) -> Looked:
    """Have pictures looked at by the classifier of SEPME_CLASSIFIER, or by the one that lies beside SEPME_MODEL.

    Args:
        base_digest: The model that drew them: a judge that belongs to another one is not asked.
        concepts: What is to be looked for, and where.
    """
    if lacking := worker_lacking():
        return Looked("", lacking, {})
    asked = {
        "base_digest": base_digest,
        "concepts": [
            {"name": each.name, "kind": each.kind, "prompts": list(each.prompts), "files": [*map(str, each.files)]}
            for each in concepts
        ],
    }
    command = (sys.executable, "-m", PROGRAM)
    done = subprocess.run(command, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return Looked("", "the judge cannot be asked; what stands above on stderr says why", {})
    told: Mapping[str, Any] = json.loads(done.stdout)
    return Looked(told["by"], told["why"], told["seen"])
