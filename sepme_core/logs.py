"""How every process logs: one shape for all lines, which request and job each is about, and nothing that is private.

`logging.getLogger(__name__)` stays what everybody writes to. What a line is about is bound around the work, not passed
along; what a request says (prompts, wordings, reasons) is kept back from every line that is written on its behalf,
whoever writes it and in whatever exception's text it stands. No torch.
"""

import json
import logging
import re
import sys
import threading
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from structlog.contextvars import bound_contextvars, get_contextvars, merge_contextvars
from structlog.processors import JSONRenderer, TimeStamper, format_exc_info
from structlog.stdlib import ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict, Processor, WrappedLogger

from sepme_core.settings import Settings

ACCESS = "uvicorn.access"
"""What writes a line for each answer: a method, a path and a status, and nothing of a body."""
KEPT_BACK = "[kept back]"
PRIVATE = frozenset({"prompt", "negative_prompt", "prompts", "protect", "substitute", "case", "reason"})
"""The members of a request that hold somebody's words."""
_NAMES = frozenset({"name", "concept"})
_ID = re.compile(r"[\x21\x23-\x26\x28-\x3a\x3c-\x5b\x5d-\x7e]{1,128}")
_SECRETS: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"sepme_[A-Za-z0-9]+_[A-Za-z0-9]+"), f"sepme_{KEPT_BACK}"),
    (re.compile(r"\bbearer\s+[^\s,;'\"]+", re.IGNORECASE), f"Bearer {KEPT_BACK}"),
    (re.compile(r"(://[^\s/:@]*):[^\s/]+@"), rf"\1:{KEPT_BACK}@"),
    (re.compile(r"\b(password=)('[^']*'|[^\s&'\",]+)", re.IGNORECASE), rf"\1{KEPT_BACK}"),
    # What PostgreSQL, pydantic and FastAPI add to the text of an error: the row, or the value, that it is about.
    (re.compile(r"^(DETAIL|CONTEXT):.*$", re.MULTILINE), rf"\1: {KEPT_BACK}"),
    (re.compile(r"input_value=.*?, input_type="), f"input_value={KEPT_BACK}, input_type="),
    (re.compile(r"'input': .*"), f"'input': {KEPT_BACK}"),
)
_said: ContextVar[tuple[Mapping[str, Any], ...]] = ContextVar("said", default=())


def configure(settings: Settings, *, worker: str | None = None, level: str | None = None) -> None:
    """Have this process log to standard error, third parties' lines, warnings and its own last words included.

    Args:
        settings: the form of lines, and how much is logged.
        worker: the worker that this is, named in every line.
        level: how much is logged, where that is not for the settings to say.
    """
    handler = logging.StreamHandler(sys.__stderr__)
    handler.setFormatter(formatter(settings, worker))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel((level or settings.log_level).upper())
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_end
    threading.excepthook = _log_end_of_thread


def formatter(settings: Settings, worker: str | None = None) -> logging.Formatter:
    """What writes a line as the settings say."""

    def name_worker(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return event if worker is None else {**event, "worker": worker}

    before: list[Processor] = [
        merge_contextvars,
        name_worker,
        add_log_level,
        add_logger_name,
        TimeStamper(fmt="iso", utc=True),
        format_exc_info,
    ]
    keeping_back: list[Processor] = (
        [_keep_back_secrets] if settings.log_prompts else [_keep_back_said, _keep_back_secrets]
    )
    shape: Processor = JSONRenderer(ensure_ascii=False) if settings.log_format == "json" else _as_text
    return ProcessorFormatter(
        foreign_pre_chain=before, processors=[ProcessorFormatter.remove_processors_meta, *keeping_back, shape]
    )


@contextmanager
def about_request(request_id: str) -> Iterator[None]:
    """Whatever is logged within is about this request, and what `keep_back` is given within is kept back."""
    token = _said.set(())
    try:
        with bound_contextvars(request_id=request_id):
            yield
    finally:
        _said.reset(token)


@contextmanager
def about_job(job_id: str, request_id: str | None, *said: Mapping[str, Any]) -> Iterator[None]:
    """Whatever is logged within is about this job, and holds nothing of what is said."""
    bound = {"job": job_id, "request_id": request_id} if request_id else {"job": job_id}
    token = _said.set(said)
    try:
        with bound_contextvars(**bound):
            yield
    finally:
        _said.reset(token)


def keep_back(said: Mapping[str, Any]) -> None:
    """From now on log nothing of what is said in this body, as long as its request is worked on."""
    if request_id() is not None:
        _said.set((*_said.get(), said))


def request_id() -> str | None:
    """The id of the request on whose behalf something is done; None where nobody's."""
    bound: str | None = get_contextvars().get("request_id")
    return bound


def new_request_id() -> str:
    """An id for a request that came without one."""
    return uuid.uuid4().hex


def is_request_id(text: str) -> bool:
    """Whether it may be a request's id: short, visible, needing no quotes anywhere, and no secret sent by mistake."""
    return _ID.fullmatch(text) is not None and without_secrets(text) == text


def without_secrets(text: str) -> str:
    """The text without keys, passwords, and what libraries quote of what they were given."""
    for secret, instead in _SECRETS:
        text = secret.sub(instead, text)
    return text


def words_of(*said: Any) -> list[str]:
    """All that is said in the private members of documents."""
    return list(_strings(list(said), PRIVATE))


def _strings(document: Any, members: Collection[str], within: bool = False) -> Iterator[str]:
    """All strings of a JSON document that stand within one of these members."""
    if isinstance(document, str):
        if within:
            yield document
    elif isinstance(document, Mapping):
        for name, value in document.items():
            yield from _strings(value, members, within or name in members)
    elif isinstance(document, (list, tuple)):
        for each in document:
            yield from _strings(each, members, within)


def _keep_back_said(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Names of concepts are no secret, even where somebody's wording is one; nor are paths that hold them."""
    said = _said.get()
    if not said or event["logger"] == ACCESS:
        return event
    words = set(words_of(*said)) - set(_strings(list(said), _NAMES))
    spelt = {form for word in words if word.strip() for form in (word, repr(word)[1:-1], json.dumps(word)[1:-1])}
    return _mapped(event, lambda text: without_words(text, spelt))


def without_words(text: str, words: Collection[str]) -> str:
    """The text without these words of somebody's, wherever they stand for themselves."""
    lowered = text.lower()
    found = sorted((word for word in words if word.lower() in lowered), key=len, reverse=True)
    if not found:
        return text
    either = "|".join(map(re.escape, found))
    return re.sub(rf"(?<!\w)(?:{either})(?!\w)", KEPT_BACK, text, flags=re.IGNORECASE)


def _keep_back_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return _mapped(event, without_secrets)


def _mapped(event: EventDict, change: Any) -> EventDict:
    """With a change made to what is free text; the rest is ours."""
    return {name: change(str(value)) if name in ("event", "exception") else value for name, value in event.items()}


def _as_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """A line to read. What has several is indented, so that nobody's text can pass for a line of its own."""
    about = ", ".join(
        f"{name} {event[key]}" for key, name in (("job", "job"), ("request_id", "request")) if key in event
    )
    said = f"{event['event']} [{about}]" if about else str(event["event"])
    head = f"{event['timestamp']} {event['level']} {event['logger']}: {said}"
    return "\n    ".join([*head.splitlines(), *str(event.get("exception", "")).splitlines()])


def _log_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger(__name__).critical("The process ends by an error.", exc_info=(kind, error, trace))


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_type is SystemExit:
        return
    name = ended.thread.name if ended.thread is not None else "?"
    error = ended.exc_value or ended.exc_type()
    logging.getLogger(__name__).critical(
        "The thread %r ended by an error.", name, exc_info=(ended.exc_type, error, ended.exc_traceback)
    )
