"""What the service is made of: model, broker, signing identity; and what other rooms find in processes of their own."""

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator

from sepme.serve import broker
from sepme_core.documents.diagnosis import Finding, failed, ok, warning
from sepme_core.models.files import BaseNotSupported, check_source, model_folder
from sepme_core.provenance.identity import FOLDER, IdentityUnusable, open_identity
from sepme_core.settings import Settings

PATIENCE_SECONDS = 120.0  # torch is read from a cold disk
SOON = dt.timedelta(days=30)


def of_room(module: str, about: str) -> list[Finding]:
    """What a program of another room finds.

    Args:
        module: what `python -m` runs; it prints a list of findings.
        about: what it looks at, for when it does not come to that.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", module], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        said = f"it could not be told within {PATIENCE_SECONDS:g} seconds"
        return [failed(about, said, "Look what keeps this machine, its disk or the database busy.")]
    try:
        found: list[Finding] = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        return [failed(about, f"it could not be told: {last}", f"{sys.executable} -m {module} says more.")]
    return found


def of_model(settings: Settings) -> Finding:
    """Whether the model is whole, as far as its files tell."""
    try:
        is_folder = check_source(settings.model, settings.model_variant)
    except BaseNotSupported as reason:
        return failed("model", str(reason), "Set SEPME_MODEL to `demo`, the folder of a model, or a hub id.")
    if is_folder:
        return ok("model", f"{settings.model}: {model_folder(settings.model)} is whole")
    return ok("model", f"{settings.model}, of the hub: the first worker fetches what it does not have yet")


def of_broker(settings: Settings) -> Iterator[Finding]:
    """The broker of one's own, where none is set."""
    if settings.broker_url is not None:
        return
    try:
        program = broker.program()
        running = broker.answers(broker.socket_path(settings.home)) if settings.home.is_dir() else False
    except (broker.BrokerMissing, broker.UnsafeFolder) as reason:
        yield failed("broker", str(reason), "Then start sepme serve.")
        return
    yield ok("broker", f"{program} {'answers' if running else 'is there for sepme serve to start'}")


def of_signing(settings: Settings) -> Finding:
    """Who signs pictures and statements, and until when."""
    own = settings.signing_key is None and settings.signing_certificates is None
    folder = settings.home / FOLDER
    if own and not folder.exists():
        return ok("signing", f"an identity of its own, made at first need in {folder}")
    try:
        identity = open_identity(settings)
    except IdentityUnusable as reason:
        remedy = "SEPME_SIGN_PICTURES=off draws pictures without a manifest meanwhile."
        return failed("signing", str(reason), remedy)
    ends = min(each.not_valid_after_utc for each in identity.chain)
    said = f"{identity.subject}, good until {ends.date()}"
    if ends - dt.datetime.now(dt.UTC) < SOON:
        return warning("signing", said, "Have its certificate renewed before that: docs/provenance.md.")
    return ok("signing", said)
