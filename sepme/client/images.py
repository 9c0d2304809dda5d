"""Pictures: looked up, fetched, saved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic

from sepme.client import calls
from sepme.client.answers import Download
from sepme.client.connection import Connection
from sepme.client.operations import Bound, C, operation
from sepme_core.documents.pictures import ImageDocument, InspectionDocument, PictureDocument

JSON = {"Accept": "application/json"}
PNG = {"Accept": "image/png"}


@dataclass(frozen=True)
class Image(Bound[C], Generic[C]):
    """A finished picture.

    Attributes:
        document: What the service says of it: more where it was looked up than in the result of its job.
    """

    document: PictureDocument

    @property
    def id(self) -> str:
        """Its id."""
        return self.document["id"]

    @property
    def seed(self) -> int:
        """The seed that it was drawn with."""
        return self.document["seed"]

    @property
    def sha256(self) -> str:
        """Of its raw pixels, as RGB bytes."""
        return self.document["sha256"]

    @operation
    async def content(self) -> bytes:
        """Fetch the PNG's bytes.

        Raises:
            Gone: where they are no longer kept.
        """
        return (await png(self.connection, self.id)).content

    @operation
    async def save(self, path: str | Path) -> Path:
        """Fetch the PNG into a file, over what is there; returns where it is.

        Raises:
            Gone: where its bytes are no longer kept.
        """
        return (await png(self.connection, self.id)).save(path)

    @operation
    async def record(self) -> ImageDocument:
        """Fetch all that it can be made again by."""
        return await record(self.connection, self.id)


class Images(Bound[C], Generic[C]):
    """`client.images`."""

    @operation
    async def get(self, image_id: str) -> Image[C]:
        """A picture by its id, out of a job's result, a certificate or a problem.

        Raises:
            NotFound: where there is none, or it is another holder's.
        """
        return Image(self.connection, await record(self.connection, image_id))

    @operation
    async def record(self, image_id: str) -> ImageDocument:
        """All that a picture can be made again by: `replay`, its mask, its record.

        Raises:
            NotFound: where there is none, or it is another holder's.
        """
        return await record(self.connection, image_id)

    @operation
    async def bundle(self, image_id: str) -> Download:
        """All that stands behind a picture, in a zip file for `sepme verify --bundle`: to the cases for its mask.

        Raises:
            NotFound: where there is none, or it is another holder's.
            Conflict: where an erasure was decided by it: its concept's bundle holds it.
        """
        call = replace(calls.get("images", image_id, "bundle"), read_seconds=calls.LONG_SECONDS)
        return await self.connection.download(call, f"{image_id}.zip")

    @operation
    async def inspect(self, content: bytes) -> InspectionDocument:
        """What a picture says of itself, anybody's, whether that holds, and what of it stands here.

        Args:
            content: A PNG.

        Raises:
            Unprocessable: where it is none.
        """
        call = calls.Call("POST", calls.path("inspections"), png=content, read_seconds=calls.LONG_SECONDS)
        return await self.connection.document(call, InspectionDocument)


async def record(connection: Connection, image_id: str) -> ImageDocument:
    """What the service keeps of a picture."""
    return await connection.document(replace(calls.get("images", image_id), headers=JSON), ImageDocument)


async def png(connection: Connection, image_id: str) -> Download:
    """The picture itself."""
    return await connection.download(replace(calls.get("images", image_id), headers=PNG), f"{image_id}.png")


def bound(connection: C, documents: Sequence[PictureDocument]) -> tuple[Image[C], ...]:
    """Pictures that can fetch themselves."""
    return tuple(Image(connection, document) for document in documents)
