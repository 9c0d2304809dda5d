"""Every setting of the service, read from `SEPME_*` in the environment. No torch."""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from sepme_core import addresses
from sepme_core.demo import DEMO

REFUSED_BROKERS = {
    "sqla": "it loses messages for good when a process is killed and has no control channel",
    "filesystem": "it loses messages for good when a process is killed and has no control channel",
    "memory": "it lives inside one process, and the API and the workers are several",
}
BROKERS = ("redis", "rediss", "redis+socket")


def default_home() -> Path:
    """Return the state folder by the XDG base directory specification: `$XDG_DATA_HOME/sepme`."""
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "sepme"


class Settings(BaseSettings):
    """What an operator can set.

    Raises:
        pydantic.ValidationError: for a value that cannot work, with the reason.
    """

    model_config = SettingsConfigDict(
        env_prefix="SEPME_", env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    home: Path = Field(
        default_factory=default_home,
        validate_default=True,
        description="The state folder: database, blobs, broker and pid files by default.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="The address to listen on. Until a key is made (`sepme keys create`) requests from the machine"
        " itself alone are answered, whatever it is.",
    )
    port: int = Field(default=8000, ge=1, le=65535, description="The port to listen on.")
    public_url: str = Field(
        default="",
        description="Where clients reach the service, as in `https://sepme.example`: its host is served beside loopback"
        " names and SEPME_HOST, and addresses in answers begin with it. Unset: they begin with what the client asked.",
    )
    allowed_hosts: str = Field(
        default="",
        description="Further names and addresses that requests may be sent to (`Host`), separated by commas; any other"
        " is refused, since a page elsewhere can give this machine a name of its own (DNS rebinding).",
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses and networks of the proxies before the service, separated by commas: their"
        " `X-Forwarded-For` and `X-Forwarded-Proto` are believed, nobody else's.",
    )
    connections: int = Field(
        default=512,
        ge=8,
        le=65536,
        description="The most connections at once, fewer than the process may open files. Beyond them who has waited"
        " longest without a whole request goes; where all are being answered, only /livez, /readyz and /metrics are.",
    )
    request_seconds: float = Field(
        default=15.0,
        ge=0.5,
        le=3600,
        description="How long a client may take to send a request, head and body.",
    )
    model: str = Field(
        default=DEMO,
        min_length=1,
        description="The base model: `demo` (comes with the package), the path of a diffusers folder of Stable"
        " Diffusion 1.x or 2.x, whole and in safetensors, or a hub id of one. Pickled weights (.bin, .ckpt) and single"
        " files are refused with the command that converts them.",
    )
    model_revision: str | None = Field(default=None, description="The revision of a hub id: branch, tag or commit.")
    model_variant: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Which weights to read where a part of the model has several, such as `fp16` for"
        " `model.fp16.safetensors`; a part without it is read as it is.",
    )
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        description="Where the model runs: auto, cpu, mps, cuda, cuda:1. With auto and cuda `sepme serve` starts a"
        " generate worker for each GPU that it sees, and spreads erase workers over them; cuda:1 keeps all on one.",
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto",
        description="The precision the model runs in. `auto`: float16 on CUDA, float32 elsewhere. Increments serve in"
        " any; pictures of one precision are near those of another, and not the same.",
    )
    classifier: Path | None = Field(
        default=None,
        description="The folder of a CLIP model that looks at pictures besides the model itself, to decide whether a"
        " concept is forgotten. Unset: the judge that lies beside the model, if there is one.",
    )
    compile: bool = Field(
        default=False,
        description="Generate workers compile the blocks of the U-Net, for each size of a batch when it is first met:"
        " seconds to a minute, then pictures are faster. They round otherwise than plain ones. Needs a C++ compiler.",
    )
    database_url: str = Field(
        default="",
        validate_default=True,
        repr=False,  # it may hold a password
        description="sqlite:///path/to/file, or postgresql+psycopg://user:password@host/database. "
        "Unset: an SQLite file in the state folder.",
    )
    broker_url: str | None = Field(
        default=None,
        repr=False,
        description="redis://, rediss:// or redis+socket:///path. Unset: `sepme serve` starts a Valkey of its own.",
    )
    blob_url: str = Field(
        default="",
        validate_default=True,
        description="Where increments and pictures are kept: file:///absolute/folder. Unset: in the state folder.",
    )
    audit_heads: Path = Field(
        default=Path(),
        validate_default=True,
        description="The file in which the end of the audit's chain is noted after each change, to notice where the"
        " chain was cut off: best on a disk that whoever reaches the database cannot write to. Unset: in the state"
        " folder.",
    )
    keys_pepper: Path = Field(
        default=Path(),
        validate_default=True,
        description="The file of 32 random bytes that keys are hashed with, made with the first key; all front ends"
        " need the same. Without it no key is good any more. Unset: in the state folder.",
    )
    webhooks: Path | None = Field(
        default=None,
        description="The TOML file that names webhooks: name, url, events, and the file of the secret that each is"
        " signed with. Read when a front end starts, the same for all of them (docs/webhooks.md).",
    )
    webhooks_allow: str = Field(
        default="",
        description="Hosts, addresses and networks, separated by commas, that webhooks may be sent to although they are"
        " not public, and by plain http. All else must be https at public addresses (docs/webhooks.md).",
    )
    sign_pictures: Literal["required", "marked", "off"] = Field(
        default="required",
        description="Whether pictures carry a signed manifest (C2PA). `required`: one that cannot be signed is refused,"
        " and its job fails. `marked`: it is published, with a warning. `off`: none is signed; GET /model says so.",
    )
    sign_prompts: bool = Field(
        default=False, description="Whether the signed manifest of a picture states the prompts that it was drawn by."
    )
    signing_key: Path | None = Field(
        default=None,
        description="The PEM file of the Ed25519 key that pictures and statements are signed with, together with"
        " SEPME_SIGNING_CERTIFICATES. Unset: a key of the service's own, made at first need in `signing` in the state"
        " folder (docs/provenance.md).",
    )
    signing_certificates: Path | None = Field(
        default=None,
        description="The PEM file of that key's certificate, followed by those of the authorities that issued it.",
    )
    batch_pictures: int = Field(
        default=16,
        ge=1,
        le=16,
        description="How many pictures a worker denoises together, whatever their requests, at the most: pictures join"
        " between two steps. 1: one after the other.",
    )
    batch_pixels: int = Field(
        default=2_097_152,
        ge=4096,
        le=2**30,
        description="How many pixels those pictures have together at the most, one picture aside: memory grows with"
        " them. The default is eight pictures of 512 x 512. What does not fit the memory is split further by itself.",
    )
    erase_workers: int | None = Field(
        default=None,
        ge=1,
        le=16,
        description="How many erase workers `sepme serve` starts. Each holds the model, and they share the cores."
        " Unset: two for the small demo model, which one alone does not keep busy, else one.",
    )
    lease_seconds: float = Field(
        default=8.0,
        ge=1,
        le=3600,
        description="How long a worker holds a job without a sign of life before another may have it.",
    )
    hang_seconds: float = Field(
        default=600.0,
        ge=1,
        le=86400,
        description="How long the work on a job may give no sign before its worker ends itself, for another to do it.",
    )
    sweep_seconds: float = Field(
        default=3.0,
        ge=0.1,
        le=600,
        description="How often the API looks for jobs that nobody works on, to ring for them again.",
    )
    drain_seconds: float = Field(
        default=20.0,
        ge=0,
        le=3600,
        description="How long a worker told to stop may finish its job before it puts it back.",
    )
    wait_limit_seconds: float = Field(
        default=600.0, ge=0, le=3600, description="The longest that `Prefer: wait` holds the line."
    )
    job_attempts: int = Field(
        default=5,
        ge=1,
        le=100,
        description="How many workers a job may lose before it is ended as failed. Fewer spare workers what a job does"
        " to them; more spare jobs what is done to workers.",
    )
    pulse_file: Path | None = Field(
        default=None,
        description="A file that a process touches every second while it lives. `sepme serve` sets it for its children,"
        " and ends one that falls silent.",
    )
    queue_limit: int = Field(
        default=1000,
        ge=1,
        le=1_000_000,
        description="How many jobs may wait in each queue (`erase`, `generate`). What comes then is refused, 429; every"
        " answer to a request for a job says in `RateLimit` how many more fit.",
    )
    disk_free_bytes: int = Field(
        default=268_435_456,
        ge=0,
        le=2**50,
        description="How much is to be kept free on the disks of the blobs and of an SQLite file. Where less is left"
        " new work is refused, 507. 0: never.",
    )
    keep_pictures_days: float = Field(
        default=365.0,
        ge=0,
        le=36500,
        description="How long pictures that were asked for are kept; then they are gone (410), and their records stay."
        " 0: for ever. Evidence is kept in any case.",
    )
    keep_jobs_days: float = Field(
        default=0.0,
        ge=0,
        le=36500,
        description="How long finished jobs are kept, with their events and the records of their pictures. 0: for"
        " ever. Those by which an increment was made are kept in any case. Less than two days count as two.",
    )
    orphan_days: float = Field(
        default=7.0,
        ge=0.05,
        le=36500,
        description="How long the bytes of what was purged, and others that nothing refers to any more, are kept; and"
        " lists of what was known once that no job and no increment refers to.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="How much is logged.")
    log_format: Literal["text", "json"] = Field(
        default="text",
        description="How: lines to read, or a JSON object a line.",
    )
    log_prompts: bool = Field(
        default=False,
        description="Workers log what each job says: its prompts and wordings. Otherwise these are kept back from every"
        " line, whoever writes it.",
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        """Children run in other folders: what is relative is meant from here."""
        return home.expanduser().absolute()

    @field_validator("model")
    @classmethod
    def _expanded(cls, model: str) -> str:
        """No shell expands what stands in a file of settings."""
        return _expand(Path(model)) if model.startswith("~") else model

    @field_validator("classifier")
    @classmethod
    def _expanded_folder(cls, folder: Path | None) -> Path | None:
        return None if folder is None else Path(_expand(folder))

    @field_validator("public_url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        if url and not addresses.is_web_address(url):
            raise ValueError("not the address of a service; write it as in https://sepme.example")
        return url.rstrip("/")

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts(cls, listed: str) -> str:
        for name in addresses.listed(listed):
            if not addresses.is_host(name):
                raise ValueError(f"{name!r} is not the name or address of a host; leave scheme, port and path out")
        return listed

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, listed: str) -> str:
        for address in addresses.listed(listed):
            if not addresses.is_network(address):
                raise ValueError(f"{address!r} is no address or network; write it as in 10.0.0.7 or 10.0.0.0/8")
        return listed

    @field_validator("webhooks_allow")
    @classmethod
    def _webhooks(cls, listed: str) -> str:
        for each in addresses.listed(listed):
            if not addresses.is_network(each) and not addresses.is_host(each):
                raise ValueError(
                    f"{each!r} is no host, address or network; write it as in hooks.internal or 10.0.0.0/8"
                )
        return listed

    @property
    def proxies(self) -> list[str]:
        """Whose forwarded headers are believed."""
        return addresses.listed(self.trusted_proxies)

    @property
    def served_hosts(self) -> frozenset[str]:
        """The hosts, besides loopback ones, that requests may name: lower case, addresses without brackets."""
        public = addresses.host_of(self.public_url)
        named = {self.host, *addresses.listed(self.allowed_hosts), *([public] if public else [])}
        return frozenset(addresses.canonical(host) for host in named - addresses.WILDCARDS)

    @field_validator("database_url")
    @classmethod
    def _database(cls, url: str, info: ValidationInfo) -> str:
        if not url:
            return f"sqlite:///{_home(info) / 'registry.sqlite3'}"
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise ValueError("not a URL; use sqlite:///path/to/file or postgresql+psycopg://…") from error
        if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
            return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        if parsed.drivername != "sqlite":
            raise ValueError(
                f"{parsed.drivername} is not supported: use sqlite:///path/to/file or postgresql+psycopg://…"
            )
        if parsed.database in (None, "", ":memory:"):
            raise ValueError("a database in memory would be another one for each process: use sqlite:///path/to/file")
        return parsed.set(database=str(Path(str(parsed.database)).absolute())).render_as_string(hide_password=False)

    @field_validator("broker_url")
    @classmethod
    def _broker(cls, url: str | None) -> str | None:
        if url is None:
            return None
        scheme = url.partition(":")[0].lower()
        reason = REFUSED_BROKERS.get(scheme.partition("+")[0])
        if reason is not None:
            raise ValueError(
                f"{scheme} is refused as a broker: {reason}. Use redis://, rediss:// or redis+socket:///path"
            )
        if scheme not in BROKERS:
            raise ValueError(f"{scheme} is not supported as a broker: use redis://, rediss:// or redis+socket:///path")
        return url

    @field_validator("audit_heads")
    @classmethod
    def _audit_heads(cls, file: Path, info: ValidationInfo) -> Path:
        return _home(info) / "audit-heads.txt" if file == Path() else file.expanduser().absolute()

    @field_validator("keys_pepper")
    @classmethod
    def _keys_pepper(cls, file: Path, info: ValidationInfo) -> Path:
        return _home(info) / "keys-pepper" if file == Path() else file.expanduser().absolute()

    @field_validator("webhooks", "signing_key", "signing_certificates")
    @classmethod
    def _expanded_file(cls, file: Path | None) -> Path | None:
        return None if file is None else file.expanduser().absolute()

    @field_validator("blob_url")
    @classmethod
    def _blobs(cls, url: str, info: ValidationInfo) -> str:
        if not url:
            return (_home(info) / "blobs").as_uri()
        if not url.startswith("file:///"):
            raise ValueError("must be file:///absolute/folder; buckets are not supported yet")
        return url


def _home(info: ValidationInfo) -> Path:
    """Return the state folder, which was validated before; where it was refused, that is what gets reported."""
    home = info.data.get("home", default_home().expanduser())
    assert isinstance(home, Path)
    return home


def _expand(path: Path) -> str:
    try:
        return str(path.expanduser())
    except RuntimeError as error:  # of another user, whom nobody knows
        raise ValueError(f"{path} cannot be expanded: {error}") from error


def refusal_said(refusal: ValidationError) -> list[str]:
    """Say each value that cannot be used, by its variable, on a line of its own."""
    named = [("_".join(str(part) for part in error["loc"]).upper(), error["msg"]) for error in refusal.errors()]
    return [
        f"  {f'SEPME_{name}' if name else 'settings'}: {said.removeprefix('Value error, ')}" for name, said in named
    ]


PAGE = Path(__file__).parents[1] / "docs" / "settings.md"

_OPENING = """\
# Settings

Read from the environment by `sepme serve`, the front end and the workers alike; an empty value counts as unset. A value
that cannot work is refused at start-up, with the reason. `deploy/settings.example.env` is an example to copy.

Written by `python -m sepme_core.settings`; a test fails where this page and the program differ.

| variable | default | takes | what it does |
|---|---|---|---|
"""


def page() -> str:
    """Return the settings as a page of Markdown."""
    properties = Settings.model_json_schema()["properties"]
    return _OPENING + "".join(_row(name, schema) for name, schema in properties.items())


def _row(name: str, schema: dict[str, Any]) -> str:
    default = schema.get("default")
    shown = "~/.local/share/sepme" if name == "home" else str(default).lower() if isinstance(default, bool) else default
    default_cell = "unset" if shown in (None, "", ".") else f"`{shown}`"
    cells = (f"`SEPME_{name.upper()}`", default_cell, _takes(schema), schema["description"])
    return f"| {' | '.join(cells)} |\n"


def _takes(schema: dict[str, Any]) -> str:
    """Return in words what a JSON schema allows; of a value that may be unset, what it may be else."""
    schema = schema.get("anyOf", [schema])[0]
    if "enum" in schema:
        return ", ".join(schema["enum"])
    if "minimum" in schema:
        return f"{schema['minimum']:g} to {schema['maximum']:g}" if "maximum" in schema else f"{schema['minimum']:g} up"
    return "true or false" if schema.get("type") == "boolean" else "text"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
