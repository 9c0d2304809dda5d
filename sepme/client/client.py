"""`Client` and `AsyncClient`: everything that a service is asked for over its HTTP contract."""

import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Generic, Literal, Self

import httpx

from sepme import __version__
from sepme.client import calls
from sepme.client.administration import Audit, Health, Keys, Problems, Webhooks
from sepme.client.concepts import Concepts
from sepme.client.connection import Awaiting, Blocking
from sepme.client.errors import InvalidArgument, NotReplayable
from sepme.client.images import Image, Images, record
from sepme.client.jobs import Job, Jobs, succeeded
from sepme.client.operations import Bound, C, operation
from sepme.client.protected import Protected
from sepme.client.retrying import Retries
from sepme_core.documents.answers import JobDocument, ModelDocument
from sepme_core.documents.pictures import PicturesDocument
from sepme_core.documents.requests import BatchSpan

URL, KEY = "SEPME_URL", "SEPME_KEY"
"""The variables that an address and a key are taken from where none are given."""
HERE = "http://127.0.0.1:8000"
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0


class Service(Bound[C], Generic[C]):
    """What both clients can do."""

    @property
    def concepts(self) -> Concepts[C]:
        """Erase concepts, look at them, give them back."""
        return Concepts(self.connection)

    @property
    def protected(self) -> Protected[C]:
        """Prompts that no increment may change."""
        return Protected(self.connection)

    @property
    def jobs(self) -> Jobs[C]:
        """Work that was asked for."""
        return Jobs(self.connection)

    @property
    def images(self) -> Images[C]:
        """Pictures that were drawn."""
        return Images(self.connection)

    @property
    def audit(self) -> Audit[C]:
        """Who changed what, when."""
        return Audit(self.connection)

    @property
    def keys(self) -> Keys[C]:
        """Who may do what."""
        return Keys(self.connection)

    @property
    def webhooks(self) -> Webhooks[C]:
        """Who is told."""
        return Webhooks(self.connection)

    @property
    def problems(self) -> Problems[C]:
        """What can go wrong."""
        return Problems(self.connection)

    @property
    def health(self) -> Health[C]:
        """What is up."""
        return Health(self.connection)

    @operation
    async def model(self) -> ModelDocument:
        """The model that is served: its digest, defaults, limits, and the room left for concepts.

        Raises:
            ServiceUnavailable: where no worker has loaded one yet.
        """
        return await self.connection.document(calls.get("model"), ModelDocument)

    @operation
    async def generate(
        self,
        prompt: str,
        *,
        erased: Literal["active"] | Sequence[str] | None = None,
        negative_prompt: str | None = None,
        seed: int | None = None,
        count: int | None = None,
        steps: int | None = None,
        guidance_scale: float | None = None,
        width: int | None = None,
        height: int | None = None,
        scheduler: str | None = None,
        batches: Sequence[BatchSpan] | None = None,
        wait: bool = True,
        timeout: float | None = None,
    ) -> Job[C, PicturesDocument]:
        """Draw pictures. What is left out is the model's default.

        Args:
            prompt: Plain words.
            erased: Exactly these concepts; `active`, the default: all that is erased now; an empty list: none.
            negative_prompt: What is not wanted.
            seed: Of the first picture, one more for each of the others; drawn where left out.
            count: How many pictures.
            steps: Denoising steps.
            guidance_scale: How closely the prompt is followed.
            width: In pixels.
            height: In pixels.
            scheduler: One of `model()["limits"]["schedulers"]`.
            batches: In batches of which sizes, as a record says it.
            wait: False: give the job at once, under way.
            timeout: Seconds to wait at most; None: however long it takes.

        Returns: its job, finished where it was waited for; `job.images` are the pictures, `job.result` says their mask.

        Raises:
            JobFailed: where it cannot be drawn.
            WaitTimeout: where the time is up; the job goes on.
            APIError: where the request is refused.
        """
        call = calls.make(
            "generate",
            prompt=prompt,
            erased=erased if erased is None or isinstance(erased, str) else list(erased),
            negative_prompt=negative_prompt,
            seed=seed,
            count=count,
            steps=steps,
            guidance_scale=guidance_scale,
            width=width,
            height=height,
            scheduler=scheduler,
            batches=batches and list(batches),
        )
        job = await self.connection.document(call, JobDocument)
        return Job(self.connection, await succeeded(self.connection, job, timeout) if wait else job)

    @operation
    async def replay(self, image_id: str, *, timeout: float | None = None) -> Image[C]:
        """Have a picture made again by its record; on the same kind of device it has the same `sha256`.

        Args:
            image_id: The picture.
            timeout: Seconds to wait at most; None: however long it takes.

        Raises:
            NotReplayable: where it was drawn to look at an erasure.
            JobFailed, WaitTimeout, APIError: as `generate` does.
        """
        replay = (await record(self.connection, image_id))["replay"]
        if replay is None:
            raise NotReplayable(f"The picture {image_id} was drawn to look at an erasure: no request makes it again.")
        asked = await self.connection.document(calls.make("generate", **replay["request"]), JobDocument)
        job: Job[C, PicturesDocument] = Job(self.connection, await succeeded(self.connection, asked, timeout))
        return job.images[replay["row"]]

    def __repr__(self) -> str:
        return f"<{type(self).__module__.partition('.')[0]}.{type(self).__name__} at {self.connection.address}>"


class Client(Service[Blocking]):
    """A client whose calls end when they are answered. May be shared by threads.

    Args:
        url: The service's address; default: the variable SEPME_URL, else http://127.0.0.1:8000.
        key: What is sent as `Authorization: Bearer`; default: the variable SEPME_KEY, else none is sent.
        retries: How often a request is sent again that got no answer, or one that is different in a moment.
        away_seconds: How long the service may be away while a job is waited for or followed.
        answer_seconds: How long an answer may be silent. Waiting for a job is not bounded by it.
        transport: How requests travel, such as `httpx.HTTPTransport(proxy=…, verify=…)`; default: httpx's own.

    Raises:
        InvalidArgument: where the address or the key is none.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        retries: int = 2,
        away_seconds: float = Retries.away_seconds,
        answer_seconds: float = ANSWER_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        address = _address(url)
        http = httpx.Client(**_line(address, key, answer_seconds), transport=transport)
        super().__init__(Blocking(http, address, Retries(retries, away_seconds)))

    def close(self) -> None:
        """Close its connections."""
        self.connection.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(Service[Awaiting]):
    """A client whose calls are awaited. Its arguments are those of `Client`.

    Raises:
        InvalidArgument: where the address or the key is none.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        retries: int = 2,
        away_seconds: float = Retries.away_seconds,
        answer_seconds: float = ANSWER_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        address = _address(url)
        http = httpx.AsyncClient(**_line(address, key, answer_seconds), transport=transport)
        super().__init__(Awaiting(http, address, Retries(retries, away_seconds)))

    async def aclose(self) -> None:
        """Close its connections."""
        await self.connection.http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _address(given: str | None) -> str:
    """The service's address, without a slash at its end.

    Raises:
        InvalidArgument: where it is none, or says more than an address.
    """
    said = given or os.environ.get(URL) or HERE
    named = "url" if given else URL
    try:
        url = httpx.URL(said)
    except httpx.InvalidURL as error:
        raise InvalidArgument(f"{named} is no address: {error}.") from None
    if url.userinfo:
        raise InvalidArgument(f"{named} must hold no user or password: a key is given as `key` or in {KEY}.")
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment:
        raise InvalidArgument(f"{named} must be an address such as {HERE}, not {said!r}.")
    return str(url).rstrip("/")


def _line(address: str, key: str | None, answer_seconds: float) -> dict[str, Any]:
    """What both of httpx's clients are told. The key stands in a header, which httpx shows in no representation.

    Raises:
        InvalidArgument: where the key cannot stand in a header.
    """
    headers = {"User-Agent": f"sepme-python/{__version__}"}
    said = (key or os.environ.get(KEY) or "").strip()
    if said:
        if not (said.isascii() and said.isprintable() and " " not in said):
            raise InvalidArgument(f"The key ({'key' if key else KEY}) must be one word of ASCII, as it was shown.")
        headers["Authorization"] = f"Bearer {said}"
    timeout = httpx.Timeout(answer_seconds, connect=CONNECT_SECONDS)
    return {"base_url": address, "headers": headers, "timeout": timeout}
