"""What the registry refuses, as types. The front end turns each into a problem of its own.

RegistryError
├── UnknownConcept, UnknownJob, UnknownImage, UnknownProtected
├── ConceptBusy, ConceptIrrevocable, ConceptMoved, ConceptNamedTwice
├── ConceptNeverErased, ConceptOfItsOwn, FurtherNameOnly, SameAsItself
├── JobFinished, QueueFull
├── UnknownKey, KeyNameTaken, KeyRevoked, FloorUnknown
├── UnknownWebhook, WebhookNameTaken, WebhookFromSettings, WebhookDisabled
├── IdempotencyKeyReused
├── CursorInvalid
├── AuditUntold
├── BlobMissing, BlobDamaged
└── DatabaseNewer, MigrationRefused
"""

from collections.abc import Collection, Sequence


class RegistryError(Exception):
    """Root of everything that the registry raises on purpose."""


class UnknownConcept(RegistryError):
    """No concept has this name: it was never asked for, or it was purged."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no concept is named {name!r}")
        self.name = name


class ConceptBusy(RegistryError):
    """The concept is being erased with another body; cancel that job or wait for it."""

    def __init__(self, name: str, job_id: str) -> None:
        super().__init__(f"concept {name!r} is being erased with another body by job {job_id}")
        self.name = name
        self.job_id = job_id


class ConceptIrrevocable(RegistryError):
    """The concept was erased irrevocably: it can be neither restored nor purged."""

    def __init__(self, name: str) -> None:
        super().__init__(f"concept {name!r} was erased irrevocably")
        self.name = name


class ConceptMoved(RegistryError):
    """If-Match named another state of the concept than the present one (RFC 9110, section 13.1.1)."""

    def __init__(self, name: str, etag: str) -> None:
        super().__init__(f"concept {name!r} has changed; its entity tag is now {etag}")
        self.name = name
        self.etag = etag


class ConceptNamedTwice(RegistryError):
    """One request asks for the same concept more than once, under whatever names; `place` is where it does again."""

    def __init__(self, name: str, place: int) -> None:
        super().__init__(f"concept {name!r} is named more than once")
        self.name = name
        self.place = place


class ConceptNeverErased(RegistryError):
    """A further name was asked for a concept that has no version, and of which none is being made."""

    def __init__(self, name: str) -> None:
        super().__init__(f"concept {name!r} was never erased")
        self.name = name


class ConceptOfItsOwn(RegistryError):
    """A concept that has versions of its own cannot become a further name of another."""

    def __init__(self, name: str, same_as: str) -> None:
        super().__init__(f"{name!r} has versions of its own and cannot become a further name of {same_as!r}")
        self.name = name
        self.same_as = same_as


class FurtherNameOnly(RegistryError):
    """The name is a further one of a concept: that one is what can be restored, or be the same as another."""

    def __init__(self, name: str, concept: str) -> None:
        super().__init__(f"{name!r} is a further name of concept {concept!r}")
        self.name = name
        self.concept = concept


class SameAsItself(RegistryError):
    """A concept was asked to be a further name of itself; `place` is where the request does so."""

    def __init__(self, name: str, place: int) -> None:
        super().__init__(f"{name!r} cannot be a further name of itself")
        self.name = name
        self.place = place


class UnknownJob(RegistryError):
    """No job has this id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job has the id {job_id!r}")
        self.job_id = job_id


class JobFinished(RegistryError):
    """The job has ended, so there is nothing left to cancel."""

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"job {job_id} has already {state}")
        self.job_id = job_id
        self.state = state


class QueueFull(RegistryError):
    """As many jobs wait in the queue as may; room for these will be in `retry_seconds`, at the present pace."""

    def __init__(self, queue: str, waiting: int, limit: int, retry_seconds: int) -> None:
        super().__init__(f"{waiting} jobs wait in the queue {queue!r}, and at most {limit} may")
        self.queue = queue
        self.waiting = waiting
        self.limit = limit
        self.retry_seconds = retry_seconds


class UnknownImage(RegistryError):
    """No picture has this id."""

    def __init__(self, image_id: str) -> None:
        super().__init__(f"no image has the id {image_id!r}")
        self.image_id = image_id


class UnknownProtected(RegistryError):
    """No set of protected prompts has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no protected prompts are named {name!r}")
        self.name = name


class UnknownKey(RegistryError):
    """No key has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no key is named {name!r}")
        self.name = name


class KeyNameTaken(RegistryError):
    """There is a key with this name, or was: what belongs to it must not come to another."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a key is or was named {name!r}")
        self.name = name


class KeyRevoked(RegistryError):
    """The key was revoked, for good."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the key {name!r} was revoked")
        self.name = name


class FloorUnknown(RegistryError):
    """A floor names what has no increment; `names` are those, of all in `floor`."""

    def __init__(self, names: Collection[str], floor: Sequence[str]) -> None:
        super().__init__(f"no increment for {', '.join(names)}")
        self.names = list(names)
        self.floor = list(floor)


class UnknownWebhook(RegistryError):
    """No webhook has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no webhook is named {name!r}")
        self.name = name


class WebhookNameTaken(RegistryError):
    """There is a webhook with this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a webhook is named {name!r}")
        self.name = name


class WebhookFromSettings(RegistryError):
    """The settings name the webhook, so that no request changes it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the settings name the webhook {name!r}")
        self.name = name


class WebhookDisabled(RegistryError):
    """The webhook answered that it is gone; nothing is sent to it any more."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the webhook {name!r} is disabled")
        self.name = name


class IdempotencyKeyReused(RegistryError):
    """The key came before with another body."""

    def __init__(self, key: str) -> None:
        super().__init__(f"idempotency key {key!r} was used before with another body")
        self.key = key


class CursorInvalid(RegistryError):
    """The cursor is not one that a page of this listing handed out."""

    def __init__(self, cursor: str) -> None:
        super().__init__(f"{cursor!r} is not a cursor of this listing")
        self.cursor = cursor


class AuditUntold(RegistryError):
    """The audit does not tell how a concept came to be what it is, so that nobody can attest it."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"the audit does not tell how {name!r} came to be what it is: {reason}")
        self.name = name
        self.reason = reason


class BlobMissing(RegistryError):
    """No blob has this digest."""

    def __init__(self, digest: str) -> None:
        super().__init__(f"there is no blob {digest}")
        self.digest = digest


class BlobDamaged(RegistryError):
    """The stored bytes do not have the digest they are filed under."""

    def __init__(self, digest: str, found: str) -> None:
        super().__init__(f"blob {digest} is damaged: its bytes have the digest {found}")
        self.digest = digest
        self.found = found


class DatabaseNewer(RegistryError):
    """The database was migrated by a newer release than this one."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the database is at revision {revision!r}, which this release does not know; run the newer release"
        )
        self.revision = revision


class MigrationRefused(RegistryError):
    """A migration left rows that refer to rows which are gone; it was taken back, and nothing is lost."""

    def __init__(self, references: Collection[tuple[str, str]], rows: int) -> None:
        named = ", ".join(f"{table} to {parent}" for table, parent in sorted(references))
        super().__init__(
            f"the migration was taken back: it would leave {rows} rows that refer to nothing ({named}); "
            "the database is as it was, so go on with the release that was here before"
        )
        self.rows = rows
