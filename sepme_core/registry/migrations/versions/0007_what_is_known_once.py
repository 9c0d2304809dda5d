"""What is known is stored once, and rows name it.

Rows are moved some at a time, so that a long history does not have to fit into memory.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

JSON = sa.JSON(none_as_null=True)
AT_ONCE = 100

THINGS = sa.table("known_things", sa.column("id", sa.Integer), sa.column("digest"), sa.column("entry", JSON))
KNOWLEDGE = sa.table("knowledge", sa.column("digest"), sa.column("entries", JSON))
HOLDERS = [
    sa.table(name, sa.column("id"), sa.column("pinned", JSON), sa.column("request", JSON))
    for name in ("jobs", "increments")
]


def upgrade() -> None:
    op.create_table(
        "known_things",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("entry", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_things")),
        sa.UniqueConstraint("digest", name=op.f("uq_known_things_digest")),
    )
    op.create_table(
        "knowledge",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("entries", JSON, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_knowledge")),
    )
    listed = ["concept", "version", "digest", "base_digest", "bytes", "reason", "created_at"]
    op.create_index("ix_increments_listed", "increments", listed)
    ids: dict[str, int] = {}
    for table, row in _rows():
        pinned, request = dict(row.pinned), dict(row.request)
        if "known" in pinned:
            lists = {key: pinned.pop(key) for key in ("known", "protected")}
            pinned |= {"knowledge": _keep(ids, lists), "besides": []}
        if "group" in request:
            names = [member["name"] for member in request["group"]]
            request["group"] = {"names": names, "knowledge": _keep(ids, {"group": request["group"]})}
        _write(table, row, pinned, request)


def downgrade() -> None:
    for table, row in _rows():
        pinned, request = dict(row.pinned), dict(row.request)
        if "knowledge" in pinned:
            listed, besides = _lists(pinned.pop("knowledge")), pinned.pop("besides")
            pinned["known"] = [each for each in listed["known"] if each["name"] not in besides]
            pinned["protected"] = listed["protected"]
        if "group" in request:
            request["group"] = _lists(request["group"]["knowledge"])["group"]
        _write(table, row, pinned, request)
    op.drop_index("ix_increments_listed", "increments")
    op.drop_table("knowledge")
    op.drop_table("known_things")


def _rows() -> Iterator[tuple[sa.TableClause, Any]]:
    for table in HOLDERS:
        last = None
        while True:
            following = sa.select(table).order_by(table.c.id).limit(AT_ONCE)
            rows = op.get_bind().execute(following if last is None else following.where(table.c.id > last)).all()
            for row in rows:
                yield table, row
            if len(rows) < AT_ONCE:
                break
            last = rows[-1].id


def _write(table: sa.TableClause, row: Any, pinned: dict[str, Any], request: dict[str, Any]) -> None:
    if (pinned, request) != (row.pinned, row.request):
        moved = sa.update(table).where(table.c.id == row.id).values(pinned=pinned, request=request)
        op.get_bind().execute(moved)


def _keep(ids: dict[str, int], listed: Mapping[str, list[dict[str, Any]]]) -> str:
    numbered = {name: [_number(ids, entry) for entry in entries] for name, entries in listed.items()}
    digest = _digest(numbered)
    if op.get_bind().execute(sa.select(KNOWLEDGE.c.digest).where(KNOWLEDGE.c.digest == digest)).first() is None:
        op.get_bind().execute(sa.insert(KNOWLEDGE).values(digest=digest, entries=numbered))
    return digest


def _number(ids: dict[str, int], entry: dict[str, Any]) -> int:
    digest = _digest(entry)
    if digest not in ids:
        op.get_bind().execute(sa.insert(THINGS).values(digest=digest, entry=entry))
        ids[digest] = op.get_bind().execute(sa.select(THINGS.c.id).where(THINGS.c.digest == digest)).scalar_one()
    return ids[digest]


def _lists(digest: str) -> dict[str, list[dict[str, Any]]]:
    numbered = op.get_bind().execute(sa.select(KNOWLEDGE.c.entries).where(KNOWLEDGE.c.digest == digest)).scalar_one()
    asked = sorted({each for listed in numbered.values() for each in listed})
    rows = op.get_bind().execute(sa.select(THINGS.c.id, THINGS.c.entry).where(THINGS.c.id.in_(asked)))
    entries = {row.id: row.entry for row in rows}
    return {name: [entries[each] for each in listed] for name, listed in numbered.items()}


def _digest(value: Mapping[str, Any]) -> str:
    spelt = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return "sha256:" + hashlib.sha256(spelt.encode("ascii")).hexdigest()
