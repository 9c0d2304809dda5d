"""Every kind of problem this service answers with: one `type` URI each, never changed once published.

`docs/problems.md` and `GET /problems` are written from this list.
"""

from dataclasses import dataclass
from typing import Any, cast

from sepme_core.documents.answers import ProblemDocument


@dataclass(frozen=True)
class ProblemType:
    """One kind of problem.

    Attributes:
        slug: Last part of the `type` URI, `/problems/{slug}`.
        status: The HTTP status it is answered with.
        title: Short and the same for every occurrence.
        remedy: What the caller can do about it, unless the occurrence knows better.
    """

    slug: str
    status: int
    title: str
    remedy: str

    @property
    def uri(self) -> str:
        """The `type` member: a reference relative to the service's root."""
        return f"/problems/{self.slug}"

    def document(self, detail: str, remedy: str | None, **members: Any) -> ProblemDocument:
        """One occurrence, as RFC 9457 writes it.

        Args:
            detail: What is wrong in this occurrence.
            remedy: What can be done about it, `remedy` of the kind or better advice; None where the detail says it.
            members: Further members, such as the numbers behind a refusal.
        """
        advice = {} if remedy is None else {"remedy": remedy}
        standard = {"type": self.uri, "title": self.title, "status": self.status, "detail": detail}
        return cast("ProblemDocument", {**members, **standard, **advice})


MADE_AGAIN = (
    "Its record stays (Accept: application/json): POST /generate with `replay.request` makes it again as number "
    "`replay.row`, from 0, on the same kind of device and under the same increments."
)

# The request itself.
MALFORMED_JSON = ProblemType(
    "malformed-json",
    400,
    "The body is not JSON",
    "Send one JSON document in UTF-8; the position names the first error.",
)
INVALID_REQUEST = ProblemType(
    "invalid-request",
    422,
    "The request does not fit the contract",
    "Correct the fields named in `errors`; `pointer` is a JSON pointer into the body (RFC 6901).",
)
PATH_NOT_FOUND = ProblemType("path-not-found", 404, "No such path", "The paths are listed in /openapi.json and /docs.")
METHOD_NOT_ALLOWED = ProblemType(
    "method-not-allowed", 405, "This path does not know the method", "Use one of the methods in the `Allow` header."
)
NOT_ACCEPTABLE = ProblemType(
    "not-acceptable", 406, "No such representation", "Ask for one of the media types named in `available`."
)
BODY_TOO_LARGE = ProblemType(
    "body-too-large",
    413,
    "The body is too large",
    "Send less than `limit_bytes`; split long lists over several requests.",
)
UNSUPPORTED_MEDIA_TYPE = ProblemType(
    "unsupported-media-type",
    415,
    "The body is of another media type",
    "Send what `supported` lists, and say so in the header `Content-Type`.",
)
MALFORMED_REQUEST = ProblemType(
    "malformed-request",
    400,
    "The request is not HTTP as it should be",
    "Correct what `detail` names; clients and proxies that keep to RFC 9110 and 9112 do not send this.",
)
HEAD_TOO_LARGE = ProblemType(
    "head-too-large", 431, "The request's head is too large", "Send fewer or shorter headers, 16 kB in all at most."
)
REQUEST_TIMEOUT = ProblemType(
    "request-timeout",
    408,
    "The request did not arrive in time",
    "Send it again at once and whole; the operator sets how long it may take (SEPME_REQUEST_SECONDS).",
)
HOST_NOT_SERVED = ProblemType(
    "host-not-served",
    421,
    "The request is for another host",
    "Use the address that the operator gave, or 127.0.0.1 on the machine itself. Operators name further hosts in "
    "SEPME_PUBLIC_URL or SEPME_ALLOWED_HOSTS.",
)
HTTP_ERROR = ProblemType("http-error", 400, "The request was refused", "See `detail`.")
CROSS_ORIGIN = ProblemType(
    "cross-origin",
    403,
    "Pages of other sites may not change anything",
    "Send the request from a program, or from a page that this service serves.",
)
KEY_MISSING = ProblemType(
    "key-missing",
    401,
    "A key is needed",
    "Send `Authorization: Bearer sepme_…`. Operators make keys with `sepme keys create NAME --scope …`, or at "
    "POST /keys. Without any key the service answers its own machine alone.",
)
KEY_INVALID = ProblemType(
    "key-invalid",
    401,
    "The key is not good",
    "Send the whole key as it was shown when it was made or rotated; where it is lost, revoked or expired, ask the "
    "operator for another.",
)
SCOPE_MISSING = ProblemType(
    "scope-missing", 403, "The key is not good for this", "Use a key that has the scopes in `needed`."
)
BELOW_THE_FLOOR = ProblemType(
    "below-the-floor",
    403,
    "The mask lacks what this key can never go without",
    "Add what is named in `missing` to `erased`, or leave `erased` out where all that is erased is wanted.",
)
KEY_NOT_FOUND = ProblemType("key-not-found", 404, "No such key", "GET /keys lists them.")
KEY_NAME_TAKEN = ProblemType(
    "key-name-taken",
    409,
    "There is a key of this name, or was",
    "Choose another name, since jobs and pictures belong to it; or rotate the one there is.",
)
KEY_REVOKED = ProblemType("key-revoked", 409, "The key was revoked", "Make another one, under another name.")
WEBHOOK_NOT_FOUND = ProblemType(
    "webhook-not-found", 404, "No such webhook", "GET /webhooks lists them; POST /webhooks makes one."
)
WEBHOOK_NAME_TAKEN = ProblemType(
    "webhook-name-taken",
    409,
    "There is a webhook of this name",
    "Choose another name, or delete the one there is (DELETE /webhooks/{name}) with what it was not told yet.",
)
WEBHOOK_FROM_SETTINGS = ProblemType(
    "webhook-from-settings",
    409,
    "The settings name this webhook",
    "Change it, or take it out, in the file that SEPME_WEBHOOKS names, and start the front ends again.",
)
WEBHOOK_DISABLED = ProblemType(
    "webhook-disabled",
    409,
    "The webhook is disabled",
    "It answered 410, that it is gone. Enable it where it is back (POST /webhooks/{name}/enable), or delete it.",
)
PRECONDITION_FAILED = ProblemType(
    "precondition-failed",
    412,
    "The concept has changed",
    "Read the concept again, decide anew, and send its present `ETag` in `If-Match`.",
)
IDEMPOTENCY_KEY_REUSED = ProblemType(
    "idempotency-key-reused",
    422,
    "The Idempotency-Key was used with another body",
    "Send a new key for a new request, or the first body again to get the first answer.",
)

# Things that are not there.
CONCEPT_NOT_FOUND = ProblemType(
    "concept-not-found",
    404,
    "No such concept",
    "GET /concepts lists the concepts; POST /concepts/{name}/erase makes one.",
)
PROTECTED_NOT_FOUND = ProblemType(
    "protected-not-found", 404, "No such protected entry", "GET /protected lists them; PUT /protected/{name} makes one."
)
JOB_NOT_FOUND = ProblemType(
    "job-not-found", 404, "No such job", "Use the `Location` that the request was answered with."
)
IMAGE_NOT_FOUND = ProblemType(
    "image-not-found", 404, "No such picture", "Use a `url` out of a finished job's `result.images`."
)
IMAGE_GONE = ProblemType(
    "image-gone",
    410,
    "The picture's bytes are no longer kept",
    MADE_AGAIN,
)
NOT_A_PICTURE = ProblemType(
    "not-a-picture", 422, "The body is no picture that can be read", "Send the bytes of a PNG, as it was answered."
)
PICTURE_IS_EVIDENCE = ProblemType(
    "picture-is-evidence",
    409,
    "An erasure was decided by this picture",
    "Ask for the bundle of its concept, GET /concepts/{name}/bundle: it holds all pictures that the version rests on.",
)
MODEL_NOT_FOUND = ProblemType(
    "model-not-found", 404, "Another model is served", "Leave `model` out, or send the `name` that GET /model answers."
)

# Concepts and jobs in the wrong state.
UNKNOWN_CONCEPTS = ProblemType(
    "unknown-concepts",
    422,
    "Some concepts have no increment",
    "Erase them first (POST /concepts/{name}/erase), or take them out of `erased`.",
)
CONCEPT_IN_PROGRESS = ProblemType(
    "concept-in-progress",
    409,
    "Some concepts are still being erased",
    "Wait until the jobs named in `jobs` have succeeded, then send the request again.",
)
CONCEPT_BUSY = ProblemType(
    "concept-busy",
    409,
    "The concept is being erased by another request",
    "Wait for the job under way, or cancel it (POST /jobs/{id}/cancel), then send the request again.",
)
CONCEPT_NEVER_ERASED = ProblemType(
    "concept-never-erased",
    409,
    "The concept has no increment",
    "Erase it (POST /concepts/{name}/erase). Where `job` names one, it is being made: wait until that has succeeded.",
)
CONCEPT_IRREVOCABLE = ProblemType(
    "concept-irrevocable",
    409,
    "The concept was erased for good",
    "It was erased with `irrevocable: true`; it stays erased.",
)
CONCEPT_OF_ITS_OWN = ProblemType(
    "concept-of-its-own", 409, "The name has versions of its own", "Purge it first: DELETE /concepts/{name}?purge=true."
)
FURTHER_NAME = ProblemType(
    "further-name",
    409,
    "The name is a further name of another concept",
    "Restore the concept it belongs to (DELETE /concepts/{concept}), or withdraw this notice alone "
    "(DELETE /concepts/{name}?purge=true).",
)
INCREMENT_FOR_ANOTHER_BASE = ProblemType(
    "increment-for-another-base",
    409,
    "An increment was made for another base model",
    "Erase all that is stored again for the model that is served: POST /erasures/again.",
)
INCREMENT_DAMAGED = ProblemType(
    "increment-damaged",
    500,
    "A stored increment does not have its digest",
    "Send the same erasure again, or run `sepme verify --repair`: its bytes are made again. Check the disk "
    "the blobs are on.",
)
AUDIT_DAMAGED = ProblemType(
    "audit-damaged",
    500,
    "The audit does not tell how this came to be",
    "Run `sepme verify`, which walks the audit, and compare GET /audit with a backup of the database: entries were "
    "changed or removed. Nothing is signed that the audit does not bear out.",
)
JOB_FINISHED = ProblemType(
    "job-finished", 409, "The job has finished", "There is nothing left to cancel; see its `state`."
)
JOB_CANCELLED = ProblemType(
    "job-cancelled", 409, "The job was cancelled", "Send the request again if the work is still wanted."
)
ERASURES_FAILED = ProblemType(
    "erasures-failed", 409, "Some of the erasures failed", "See `jobs`: each failed one carries its own problem."
)

# Found by the worker; `numbers` of the method stand beside them.
CONCEPT_TOO_CLOSE = ProblemType(
    "concept-too-close",
    409,
    "The concept is too close to a protected one",
    "Choose other prompts, drop the protected one, or send `override: true` to give the overlap up.",
)
NO_CAPACITY = ProblemType(
    "no-capacity",
    409,
    "No room is left for another increment",
    "Purge concepts that are no longer needed (DELETE /concepts/{name}?purge=true); GET /model tells what is left.",
)
CONCEPT_NOT_DRAWN = ProblemType(
    "concept-not-drawn",
    409,
    "The base model does not draw this concept",
    "Check `prompts`: say it as the model knows it (GET /model suggests what it draws), or send `override: true`.",
)
SAME_CONCEPT = ProblemType(
    "same-concept",
    409,
    "Already erased under another name",
    "Send the request again with `same_as`, naming the concept it is: the prompts become further wordings of it.",
)
NOT_FORGOTTEN = ProblemType(
    "not-forgotten",
    409,
    "The concept would still be seen",
    "Look at `pictures`; try other prompts, another `substitute`, more `options.directions`, or `override: true` to "
    "publish it as it is, marked.",
)
NOT_FINITE = ProblemType(
    "not-finite",
    409,
    "The increment overflows",
    "Send a smaller `options.learning_rate` or a larger `options.ridge`.",
)
SUBSTITUTE_ERASED = ProblemType(
    "substitute-erased", 409, "What is to be drawn instead is erased itself", "Name another `substitute`, or none."
)
IRREVOCABLE_WEAKENED = ProblemType(
    "irrevocable-weakened",
    409,
    "An irrevocable erasure would be weakened",
    "Choose prompts that are further from the concept named in `irrevocable`, or fewer: that one stays erased.",
)
EFFECT_LOST = ProblemType(
    "effect-lost",
    409,
    "The increment would no longer erase its concept",
    "The earlier version goes on to serve. Purge concepts that came since, or erase this one again with other options.",
)

# The service itself.
WORKER_LOST = ProblemType(
    "worker-lost", 500, "The worker was lost", "See the worker's log (memory is the usual cause); send it again."
)
OUT_OF_MEMORY = ProblemType(
    "out-of-memory",
    507,
    "The picture does not fit the worker's memory",
    "Ask for a smaller width and height. Operators can give the model less room (SEPME_DTYPE), or a device with more.",
)
MODEL_NOT_READY = ProblemType(
    "model-not-ready",
    503,
    "No worker has announced a model yet",
    "Wait as `Retry-After` says; a worker announces its model once it is loaded (GET /readyz).",
)
QUEUE_FULL = ProblemType(
    "queue-full",
    429,
    "Too many jobs are waiting",
    "Send the request again after `Retry-After`, or cancel waiting jobs that are not needed (POST /jobs/{id}/cancel); "
    "an operator may raise SEPME_QUEUE_LIMIT or start more workers.",
)
TOO_MANY = ProblemType(
    "too-many",
    429,
    "The quota of the key does not allow for it",
    "Send the request again after `Retry-After`, or ask for less; `quota` names the bound, `left` what is left of it. "
    "Operators set quotas when they make a key.",
)
STORAGE_FULL = ProblemType(
    "storage-full",
    507,
    "There is too little room left to take new work",
    "An operator makes room on the disk named, or lowers SEPME_KEEP_PICTURES_DAYS; then send the request again.",
)
GENERATION_TIMEOUT = ProblemType(
    "generation-timeout",
    504,
    "The pictures were not finished in time",
    "The job goes on: GET the `job` named here, or ask for fewer pictures or steps.",
)
DATABASE_UNAVAILABLE = ProblemType(
    "database-unavailable",
    503,
    "The database is not usable",
    "Wait as `Retry-After` says; GET /readyz tells when it is back.",
)
STORAGE_UNUSABLE = ProblemType(
    "storage-unusable",
    503,
    "The database or the blob store cannot be used",
    "Mend what the workers' log names (a full disk, a database that is down), then ask again.",
)
SIGNING_UNUSABLE = ProblemType(
    "signing-unusable",
    503,
    "Nothing can be signed",
    "An operator mends what `detail` names: the key and certificates of SEPME_SIGNING_KEY and "
    "SEPME_SIGNING_CERTIFICATES, or those in the state folder.",
)
TOO_MANY_CONNECTIONS = ProblemType(
    "too-many-connections",
    503,
    "Too many connections are open",
    "Wait as `Retry-After` says, and use connections again; the operator sets how many there may be "
    "(SEPME_CONNECTIONS).",
)
SERVICE_STOPPING = ProblemType(
    "service-stopping",
    503,
    "The service is stopping",
    "Send the request again in a while; with an `Idempotency-Key` its work is done once.",
)
IMAGE_DAMAGED = ProblemType(
    "image-damaged",
    500,
    "The stored picture does not have its digest",
    MADE_AGAIN,
)
PICTURE_NOT_SIGNED = ProblemType(
    "picture-not-signed",
    503,
    "The picture cannot be signed",
    "An operator mends what `detail` names; then ask again. `SEPME_SIGN_PICTURES=marked` lets pictures through "
    "unsigned, with a warning.",
)
INTERNAL_ERROR = ProblemType(
    "internal-error",
    500,
    "Something went wrong in the service",
    "Tell the operator the `incident`: the log explains it.",
)

CATALOGUE: tuple[ProblemType, ...] = (
    MALFORMED_JSON,
    INVALID_REQUEST,
    PATH_NOT_FOUND,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    BODY_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    MALFORMED_REQUEST,
    HEAD_TOO_LARGE,
    REQUEST_TIMEOUT,
    HOST_NOT_SERVED,
    HTTP_ERROR,
    CROSS_ORIGIN,
    KEY_MISSING,
    KEY_INVALID,
    SCOPE_MISSING,
    BELOW_THE_FLOOR,
    KEY_NOT_FOUND,
    KEY_NAME_TAKEN,
    KEY_REVOKED,
    WEBHOOK_NOT_FOUND,
    WEBHOOK_NAME_TAKEN,
    WEBHOOK_FROM_SETTINGS,
    WEBHOOK_DISABLED,
    PRECONDITION_FAILED,
    IDEMPOTENCY_KEY_REUSED,
    CONCEPT_NOT_FOUND,
    PROTECTED_NOT_FOUND,
    JOB_NOT_FOUND,
    IMAGE_NOT_FOUND,
    IMAGE_GONE,
    NOT_A_PICTURE,
    PICTURE_IS_EVIDENCE,
    MODEL_NOT_FOUND,
    UNKNOWN_CONCEPTS,
    CONCEPT_IN_PROGRESS,
    CONCEPT_BUSY,
    CONCEPT_NEVER_ERASED,
    CONCEPT_IRREVOCABLE,
    CONCEPT_OF_ITS_OWN,
    FURTHER_NAME,
    INCREMENT_FOR_ANOTHER_BASE,
    INCREMENT_DAMAGED,
    AUDIT_DAMAGED,
    JOB_FINISHED,
    JOB_CANCELLED,
    ERASURES_FAILED,
    CONCEPT_TOO_CLOSE,
    NO_CAPACITY,
    CONCEPT_NOT_DRAWN,
    SAME_CONCEPT,
    NOT_FORGOTTEN,
    NOT_FINITE,
    SUBSTITUTE_ERASED,
    IRREVOCABLE_WEAKENED,
    EFFECT_LOST,
    WORKER_LOST,
    OUT_OF_MEMORY,
    MODEL_NOT_READY,
    QUEUE_FULL,
    TOO_MANY,
    STORAGE_FULL,
    GENERATION_TIMEOUT,
    DATABASE_UNAVAILABLE,
    STORAGE_UNUSABLE,
    SIGNING_UNUSABLE,
    TOO_MANY_CONNECTIONS,
    SERVICE_STOPPING,
    IMAGE_DAMAGED,
    PICTURE_NOT_SIGNED,
    INTERNAL_ERROR,
)

BY_SLUG = {kind.slug: kind for kind in CATALOGUE}
