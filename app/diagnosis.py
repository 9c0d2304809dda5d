"""`python -m app.diagnosis`, for `sepme doctor`: how registry, keys and broker are, as JSON. It changes nothing."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import Counter
from sqlalchemy import Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.doorbell import Doorbell
from sepme_core.addresses import is_loopback
from sepme_core.documents.diagnosis import Finding, failed, ok, warning
from sepme_core.registry import database, errors, key_secrets, keys, migrations
from sepme_core.settings import Settings

PATIENCE_SECONDS = 3.0


def main() -> int:
    """Print what is found; returns 0."""
    settings = Settings()
    print(json.dumps([*of_registry(settings), *of_broker(settings)]))
    return 0


def of_registry(settings: Settings) -> Iterator[Finding]:
    """How the database is, and the keys in it."""
    url = make_url(settings.database_url)
    if url.drivername == "sqlite" and not Path(str(url.database)).is_file():
        yield ok("database", f"none yet: the first start makes {url.database}")
        return
    engine = database.make_engine(settings.database_url, patience_seconds=PATIENCE_SECONDS)
    try:
        with engine.connect() as connection:
            outstanding = migrations.is_outstanding(connection)
        if outstanding:
            yield warning("database", "tables of an earlier release", "The next start of the front end migrates them.")
            return
        yield ok("database", f"{url.render_as_string(hide_password=True)}, with this release's tables")
        yield _keys(engine, settings)
    except errors.DatabaseNewer as reason:
        yield failed("database", f"{reason}", "Install that release; an older one would damage what it wrote.")
    except SQLAlchemyError as reason:
        cause = str(getattr(reason, "orig", None) or reason).strip().splitlines()[0]
        yield failed("database", f"it cannot be used: {cause}", "Start it, or correct SEPME_DATABASE_URL.")
    finally:
        engine.dispose()


def of_broker(settings: Settings) -> Iterator[Finding]:
    """Whether the broker that is set answers."""
    if settings.broker_url is None:
        return
    bell = Doorbell(settings.broker_url, Counter("rings", "None is rung.", ["queue", "outcome"], registry=None))
    complaint = bell.complaint()
    bell.close()
    if complaint:
        remedy = "Start it, or correct SEPME_BROKER_URL. Jobs wait as rows until it is back; none is lost."
        yield failed("broker", complaint, remedy)
    else:
        yield ok("broker", "the one of SEPME_BROKER_URL answers")


def _keys(engine: Engine, settings: Settings) -> Finding:
    with database.reading(engine) as session:
        made = keys.any_made(session)
    if made:
        return _pepper(settings)
    if is_loopback(settings.host):
        return ok("keys", "none was made: this machine alone is answered, without one")
    remedy = "Make the first one: sepme keys create ops --scope admin --floor none"
    return warning("keys", f"none was made, so nobody beyond this machine is answered at {settings.host}", remedy)


def _pepper(settings: Settings) -> Finding:
    try:
        key_secrets.read_pepper(settings.keys_pepper)
    except key_secrets.PepperUnusable as reason:
        return failed("keys", f"{reason}", "Without it no key is good.")
    return ok("keys", "there are some, and who has none is refused")


if __name__ == "__main__":
    sys.exit(main())
