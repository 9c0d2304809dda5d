"""Field types, and the bases of all bodies and queries: what a slug, a prompt, a number and a page may be."""

import re
import unicodedata
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from sepme_core import logs
from sepme_core.registry.grounds import Grounds
from sepme_core.terms import LARGEST_SEED, SLUG, is_slug

LONGEST_PROMPT = 1000
MOST_PROMPTS = 100

LONGEST_REASON = 1000
CASE = "^[A-Za-z0-9._/-](?:[A-Za-z0-9._/ -]{0,62}[A-Za-z0-9._/-])?$"

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Body(BaseModel):
    """A request body: JSON types as they are, unknown fields refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)

    def model_post_init(self, context: Any, /) -> None:  # noqa: ARG002  (pydantic's own form)
        """Keep what it says out of the log."""
        logs.keep_back(self.__dict__)


def check_slug(value: str) -> str:
    """Refuse what is not a slug.

    Raises:
        ValueError: With the rule, for the problem document.
    """
    if not is_slug(value):
        raise ValueError("must be a slug: 1 to 64 of a-z, 0-9 and -, with a letter or digit at both ends")
    return value


def check_text(value: str) -> str:
    """Refuse text that no database keeps and no tokenizer reads.

    Raises:
        ValueError: With the rule, for the problem document.
    """
    if _UNSTORABLE.search(value):
        raise ValueError("must not hold the character U+0000 or half of a surrogate pair")
    return value


def check_prompt(value: str) -> str:
    """Refuse a prompt that says nothing.

    Raises:
        ValueError: With the rule, for the problem document.
    """
    if not value.strip():
        raise ValueError("must say something: it is blank")
    return check_text(value)


def check_case(value: str) -> str:
    """Refuse what cannot be found again by being typed.

    Raises:
        ValueError: With the rule, for the problem document.
    """
    if not re.fullmatch(CASE, value):
        raise ValueError("must be 1 to 64 of A-Z, a-z, 0-9, `.`, `_`, `/`, `-` and space, with no space at either end")
    return value


def check_reason(value: str) -> str:
    """Refuse a reason that says nothing, or that would break the lines of whatever shows it.

    Raises:
        ValueError: With the rule, for the problem document.
    """
    if not value.strip():
        raise ValueError("must say something: it is blank; leave it out where there is none")
    if any(unicodedata.category(character) in _CONTROLS for character in value):
        raise ValueError("must be one line: it holds a line break or another control character")
    return check_text(value)


_CONTROLS = ("Cc", "Zl", "Zp")
_SLUG_SCHEMA = WithJsonSchema({"type": "string", "pattern": SLUG, "minLength": 1, "maxLength": 64})

Slug = Annotated[str, AfterValidator(check_slug), _SLUG_SCHEMA]
SlugInPath = Annotated[
    str,
    Path(description="1 to 64 of a-z, 0-9 and -, with a letter or digit at both ends.", examples=["van-gogh"]),
    AfterValidator(check_slug),
    _SLUG_SCHEMA,
]
Text = Annotated[str, Field(max_length=LONGEST_PROMPT), AfterValidator(check_text)]
Prompt = Annotated[str, Field(min_length=1, max_length=LONGEST_PROMPT), AfterValidator(check_prompt)]
Prompts = Annotated[list[Prompt], Field(min_length=1, max_length=MOST_PROMPTS)]
Case = Annotated[
    str,
    AfterValidator(check_case),
    WithJsonSchema({"type": "string", "pattern": CASE, "minLength": 1, "maxLength": 64}),
]
Reason = Annotated[str, Field(min_length=1, max_length=LONGEST_REASON), AfterValidator(check_reason)]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]


class GroundsBody(Body):
    """A body that may say on what grounds something is asked for."""

    case: Case | None = Field(
        default=None,
        description="Under which it is filed where it came in, such as the number of a notice: 1 to 64 of A-Z, a-z "
        "and digits, `.`, `_`, `/`, `-`, and spaces within. Kept in the audit, on the job and in the certificate; "
        "changes nothing of what is made.",
        examples=["2026-0117"],
    )
    reason: Reason | None = Field(default=None, description="Why, in words of one line; kept likewise.")

    @property
    def grounds(self) -> Grounds:
        """What is said of them."""
        return Grounds(self.case, self.reason)


class GroundsQuery(BaseModel):
    """The same in the query of a DELETE. Parameters that are not known are refused: a slip would keep nothing."""

    model_config = ConfigDict(extra="forbid")

    case: Case | None = Field(
        default=None,
        description="Under which it is filed where it came in, such as the number of an appeal. Kept in the audit.",
        examples=["2026-0117"],
    )
    reason: Reason | None = Field(default=None, description="Why, in words of one line. Kept in the audit.")

    @property
    def grounds(self) -> Grounds:
        """What is said of them."""
        return Grounds(self.case, self.reason)


class PageQuery(BaseModel):
    """Which page of a listing. Parameters that are not known are refused: a slip would list the wrong things."""

    model_config = ConfigDict(extra="forbid")

    cursor: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        default=None, description="`next_cursor` of the page before; leave it out for the first page."
    )
    limit: int = Field(default=50, ge=1, le=200, description="At most so many items.")


PageDependency = Annotated[PageQuery, Query()]
