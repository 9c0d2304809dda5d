"""Which method a figure was measured with: a digest of what decides it, so that no other's figure passes for it."""

import ast
from pathlib import Path

import sepme_core
from sepme_core import wordings
from sepme_core.canonical import digest_of
from sepme_core.erasure.sentences import captions_digest
from sepme_core.evaluation.judge import Judge
from sepme_core.increments.format import FORMAT
from sepme_core.models import cross_attention
from sepme_core.models.model import DiffusionModel

ONLY_SAYING = {"__init__.py", "request.py", "refusals.py", "finishing.py"}
"""Modules of the eraser that decide nothing; the settings stand beside the digest."""

BEFORE = "sha256:639c03c5fb95114c7f317dc1a2d1e18000e9c87a37423dedb39ead8eabb6aa01"
LAID_OUT_ANEW = "sha256:f29f36c6a22e35510ac10885290ec4c6bba567f55a7b364cb756569571ff495f"
BOUNDED = "sha256:9e7e4d482d8c2bc1d258925009d9f559b31dec82cfef82139c16174141b657f9"
RELAID = {LAID_OUT_ANEW: BEFORE, BOUNDED: BEFORE}
"""Methods that make the same bytes as the one that was measured: by digest, that of the latter.

LAID_OUT_ANEW has other modules. Nine concepts were erased through the service by either: six in turn, two jointly, one
by the published variant. All 39 versions, the certificates and 32 pictures under four masks were equal.

BOUNDED sums moments by parts, bounds its caches, scales half-precision gradients, and takes large models fewer passes.
In float32 on the CPU the demo model's bytes are the same: an object and a style alone and beside known ones, one by the
published variant and a group of two had equal increments, certificates and pictures by either.
"""


def method_digest(base: DiffusionModel, judge: Judge) -> str:
    """Of the eraser's code but comments, docstrings and imports, the increments' format, base, captions and judge."""
    folder = Path(sepme_core.__file__ or "").parent / "erasure"
    paths = [path for path in sorted(folder.glob("*.py")) if path.name not in ONLY_SAYING]
    paths += [Path(module.__file__ or "") for module in (wordings, cross_attention)]
    code = {path.name: what_runs(path.read_text()) for path in paths}
    digest = digest_of([code, FORMAT, base.digest, captions_digest(base), judge.digest])
    return RELAID.get(digest, digest)


def what_runs(source: str) -> str:
    """A module without comments, docstrings and imports."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not says_only(each)] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def says_only(node: ast.AST) -> bool:
    """An import, or a string that stands by itself."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
