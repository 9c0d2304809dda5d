"""What every page of the studio has: who looks at it, its frame, its headers, and problems as pages."""

import gzip
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.holders import EVERYBODY, Holder, may_use
from app.middleware import is_from_elsewhere, root_of
from app.problems import Problem
from app.studio.assets import DIGEST, accepts_gzip
from sepme_core import problems

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Of these pages: their own files alone, and no script or style within (W3C, Content Security Policy)."""

VIEWS: tuple[tuple[str, str, str, tuple[str, str] | None], ...] = (
    ("try", "", "Try", None),
    ("concepts", "studio/concepts", "Concepts", None),
    ("jobs", "studio/jobs", "Jobs", None),
    ("audit", "studio/audit", "Audit", ("GET", "/audit")),
    ("keys", "studio/keys", "Keys", ("GET", "/keys")),
)
"""Name, path below the root, title, and the call that a holder must be allowed for the page to be worth a link."""

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["compact"] = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class Visitor:
    """Who looks at a page.

    Attributes:
        holder: Whose key it was asked with; None where nobody is known yet.
        refused: Why nobody is known: no key, one that is not good, no database to tell it by.
    """

    holder: Holder | None
    refused: Problem | None = None

    @property
    def keyed(self) -> bool:
        """Whether a key was sent: then pictures, too, are asked for with it."""
        return self.holder is not None and self.holder is not EVERYBODY

    def may(self, method: str, path: str) -> bool:
        """Whether the visitor's key is good for a call of the API, as in `may("GET", "/audit")`."""
        return self.holder is not None and may_use(self.holder, (method, path))


async def get_visitor(request: Request) -> Visitor:
    """Who looks, as `HolderMiddleware` found out."""
    return Visitor(getattr(request.state, "holder", None), getattr(request.state, "refused", None))


VisitorDependency = Annotated[Visitor, Depends(get_visitor)]


async def get_known(visitor: VisitorDependency) -> Holder:
    """The holder to whom a page is shown.

    Raises:
        Problem: Where nobody is known: the frame is answered, which asks for a key.
    """
    if visitor.holder is None:
        raise visitor.refused or Problem(problems.KEY_MISSING, "The request has no key.")
    return visitor.holder


Known = Annotated[Holder, Depends(get_known)]
"""What a view takes to be shown to holders alone. Scopes it checks by `check_route`, for the call that it is of."""


class PageRoute(APIRoute):
    """Answers problems as pages: the frame where there is no holder yet, else what is wrong and what can be done."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's own handler, its problems caught."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Exception as error:
                problem = await _problem(request, error)
                if problem is None:
                    raise
                return await _problem_page(request, problem)

        return answer


async def _problem(request: Request, error: Exception) -> Response | None:
    """What the API would answer to it; None where it has no word for that."""
    for kind in type(error).__mro__:
        handler = request.app.exception_handlers.get(kind)
        if handler is not None:
            answered: Response = await handler(request, error)
            return answered
    return None


async def _problem_page(request: Request, answered: Response) -> Response:
    visitor = await get_visitor(request)
    problem = json.loads(bytes(answered.body))
    asks = problem["type"].rsplit("/", 1)[-1] in ("key-missing", "key-invalid")
    status = HTTPStatus.OK if problem["type"].endswith("/key-missing") else HTTPStatus(answered.status_code)
    kept = {name: answered.headers[name] for name in ("retry-after", "www-authenticate") if name in answered.headers}
    template = "key.html" if asks else "problem.html"
    return render(request, visitor, template, _view(request), status=status, headers=kept, problem=problem)


def _view(request: Request) -> str:
    """The name of the view that a path belongs to."""
    parts = request.scope["path"].strip("/").split("/")
    return parts[1] if len(parts) > 1 else "try"


def render(
    request: Request,
    visitor: Visitor,
    template: str,
    view: str,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
    **content: Any,
) -> Response:
    """A page as it is sent.

    Args:
        request: What is answered.
        visitor: Who looks.
        template: The page's file in `templates/`; it extends `layout.html`.
        view: Which of `VIEWS` it belongs to.
        status: The answer's status.
        headers: Further headers.
        content: What the template is filled with.
    """
    root = "../" * (request.scope["path"].count("/") - 1) or "./"
    text = _TEMPLATES.get_template(template).render(
        visitor=visitor,
        view=view,
        links=_links(visitor, root),
        root=root,
        static=f"{root}studio/static/{DIGEST}",
        address=root_of(request),
        from_elsewhere=is_from_elsewhere(request.headers),
        **content,
    )
    sent = {"Content-Security-Policy": POLICY, "Vary": "Authorization, Accept-Encoding", **(headers or {})}
    body = text.encode()
    if accepts_gzip(request.headers.get("accept-encoding", "")):
        body = gzip.compress(body, 6, mtime=0)
        sent["Content-Encoding"] = "gzip"
    return HTMLResponse(body, status, headers=sent)


def _links(visitor: Visitor, root: str) -> list[dict[str, str]]:
    """The views that the visitor's key is good for; all where nobody is known yet would promise too much."""
    return [
        {"view": view, "url": root + path, "title": title}
        for view, path, title, needed in VIEWS
        if needed is None or visitor.may(*needed)
    ]
