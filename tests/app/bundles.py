"""A registry with a concept erased, one restored and one erased for good, and what is shown of them."""

import base64
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from app.attestations.evidence import identity, pack, shown
from sepme_core.provenance import bundle, envelope
from sepme_core.provenance.identity import Identity
from sepme_core.provenance.links import Link
from sepme_core.provenance.walk import walk
from sepme_core.registry import concepts, protected
from sepme_core.registry.blobs import open_blobs
from sepme_core.registry.database import make_engine, reading, writing
from sepme_core.settings import Settings
from tests.app import working

ADDED_WHEN_PACKED = (bundle.CHAIN, bundle.README, bundle.FILES)


def erase(engine: Engine, settings: Settings, name: str, *, irrevocable: bool = False) -> None:
    with writing(engine) as session:
        asked: Any = {"name": name, "irrevocable": irrevocable}
        job_id = concepts.accept_erasure(session, asked, "tester").job.id
    working.erase(engine, open_blobs(settings.blob_url), job_id, evidence=True)


def fill(settings: Settings) -> None:
    """Leave entries of others before, between and behind those of the cat."""
    engine = make_engine(settings.database_url)
    working.announce(engine)
    with writing(engine) as session:
        protected.put(session, "acme", ["Acme"], "tester")
    for name in ("dog", "cat", "sepia"):
        erase(engine, settings, name, irrevocable=name == "sepia")
    for name in ("cat", "dog"):
        with writing(engine) as session:
            concepts.restore(session, name, "tester")
    erase_again(engine, "cat")
    with writing(engine) as session:
        protected.put(session, "brand", ["Brand"], "tester")
    engine.dispose()


def erase_again(engine: Engine, name: str) -> None:
    with writing(engine) as session:
        asked: Any = {"name": name}
        assert concepts.accept_erasure(session, asked, "tester").already_done


def made(settings: Settings, name: str) -> bytes:
    """The bundle of a concept."""
    engine = make_engine(settings.database_url)
    with reading(engine) as session:
        read = shown(session, name)
    engine.dispose()
    return pack(read, open_blobs(settings.blob_url), identity(settings))


@dataclass(frozen=True)
class Forger:
    """Whoever has the service's own key: changes what is signed, so that each link is tried for itself."""

    identity: Identity

    def pack(self, files: Mapping[str, bytes], concept: str = "cat") -> dict[str, bytes]:
        shown = {name: data for name, data in files.items() if name not in ADDED_WHEN_PACKED}
        return unzipped(bundle.pack(shown, {"concept": concept}, self.identity))

    def attest(self, files: Mapping[str, bytes], change: Callable[[Any], None]) -> dict[str, bytes]:
        """Change the statement that is attested, and sign it again."""
        document = statement_in(files)
        change(document)
        attestation = envelope.sign(json.dumps(document).encode(), [self.identity.key])
        return self.pack({**files, bundle.ATTESTATION: attestation})

    def change(self, files: Mapping[str, bytes], name: str, change: Callable[[Any], Any]) -> dict[str, bytes]:
        """Change one of the JSON files, and sign for it again."""
        document = json.loads(files[name])
        changed = change(document)
        return self.pack({**files, name: json.dumps(document if changed is None else changed).encode()})


def statement_in(files: Mapping[str, bytes]) -> Any:
    return json.loads(base64.b64decode(json.loads(files[bundle.ATTESTATION])["payload"]))


def unzipped(data: bytes) -> dict[str, bytes]:
    return bundle.unzipped(io.BytesIO(data))


def settings_in(home: Path) -> Settings:
    return Settings.model_validate({"home": home})


def first_broken(files: Mapping[str, bytes], trusted: Any = ()) -> Link | None:
    """The first link that does not hold."""
    links = list(walk(files, trusted))
    assert all(link.holds for link in links[:-1])
    return None if links[-1].holds else links[-1]


def breaks(files: Mapping[str, bytes], name: str, *words: str) -> None:
    link = first_broken(files)
    assert link is not None
    assert link.name == name, link
    assert all(word in link.detail for word in words), link.detail
