import json
from io import BytesIO
from pathlib import Path
from typing import Any

import c2pa
import pytest
from PIL import Image

from sepme_core.provenance.manifest import CannotSign, sign
from tests.sepme_core.provenance.pictures import authority_of, identity_in, plain, statement

MOST_BYTES = 4096
ORDINARY = 5
"""Concepts in a mask."""


def read(png: bytes, authority: str) -> dict[str, Any]:
    """By a reader of C2PA that knows nothing of us but the authority."""
    context = c2pa.Context.from_dict({"trust": {"trust_anchors": authority}, "verify": {"verify_trust": True}})
    found: dict[str, Any] = json.loads(c2pa.Reader("image/png", BytesIO(png), context=context).json())
    return found


def test_any_reader_of_c2pa_is_told_what_made_the_picture_and_by_which_mask(tmp_path: Path) -> None:
    identity = identity_in(tmp_path)
    png, sha256 = plain()
    stated = statement(sha256)
    found = read(sign(png, stated, identity), authority_of(identity))
    assert (found["validation_state"], found.get("validation_status")) == ("Trusted", None)
    manifest = found["manifests"][found["active_manifest"]]
    assert manifest["claim_generator_info"][0]["name"] == "sepme"
    by_label = {each["label"]: each for each in manifest["assertions"]}
    (action,) = by_label["c2pa.actions.v2"]["data"]["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert by_label["org.sepme.mask"]["data"] == stated
    assert [each["created"] for each in by_label.values()] == [True, True]
    assert stated["mask"]["concepts"][0] == {"name": "van-gogh-0", "version": 3, "digest": "sha256:" + "0" * 64}
    assert "thumbnail" not in manifest


def test_the_pixels_and_the_record_stay_as_they_were(tmp_path: Path) -> None:
    png, sha256 = plain()
    before, after = (Image.open(BytesIO(each)) for each in (png, sign(png, statement(sha256), identity_in(tmp_path))))
    assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()
    assert after.info == before.info


def test_a_manifest_takes_four_kilobytes_at_most_with_an_ordinary_mask(tmp_path: Path) -> None:
    identity = identity_in(tmp_path)
    png, sha256 = plain(512)
    assert len(sign(png, statement(sha256, concepts=ORDINARY), identity)) - len(png) <= MOST_BYTES


@pytest.mark.parametrize("prompts", [True, False])
def test_prompts_are_stated_only_where_they_are_asked_for(tmp_path: Path, prompts: bool) -> None:
    identity = identity_in(tmp_path)
    png, sha256 = plain()
    found = read(sign(png, statement(sha256, prompts=prompts), identity), authority_of(identity))
    assert ("a cat in sepia" in json.dumps(found), "a fox" in json.dumps(found)) == (prompts, prompts)


def test_what_is_no_picture_is_not_signed(tmp_path: Path) -> None:
    with pytest.raises(CannotSign):
        sign(b"no picture", statement(""), identity_in(tmp_path))
