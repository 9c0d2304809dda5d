"""One look at everything, in the order in which a service needs it."""

from collections.abc import Iterator

from sepme.doctor import installation, parts, places
from sepme_core.documents.diagnosis import Finding
from sepme_core.extras import worker_lacking
from sepme_core.settings import Settings


def examine() -> Iterator[Finding]:
    """What is found, one after the other; what is slow last."""
    yield installation.of_python()
    yield installation.of_worker()
    if unshown := installation.of_pictures():
        yield unshown
    yield installation.of_client()
    settings, found = installation.settings()
    yield from found
    if settings is not None:
        yield from _of(settings)


def _of(settings: Settings) -> Iterator[Finding]:
    yield places.of_folder(settings.home)
    yield places.of_disk(settings)
    yield from places.of_port(settings)
    yield parts.of_model(settings)
    yield parts.of_signing(settings)
    yield from parts.of_broker(settings)
    yield from parts.of_room("app.diagnosis", "database")
    if not worker_lacking():
        yield from parts.of_room("worker.diagnosis", "device")
