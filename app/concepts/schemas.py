"""What a concept is over HTTP, and what erasures of one or of several may be asked with."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from app.fields import MOST_PROMPTS, GroundsBody, Prompt, Prompts, Slug
from sepme_core.documents.requests import AskedErasure
from sepme_core.options import ErasureOptions
from sepme_core.registry.grounds import of_request
from sepme_core.terms import ConceptState, Kind, Reason


class ErasureBody(GroundsBody):
    """How a concept is erased. Every field has a default: an empty body will do."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "style", "prompts": ["Van Gogh"], "protect": ["impressionism"]}]}
    )

    kind: Kind = Field(default="other", description="Chooses the wordings put around the prompts.")
    prompts: Prompts | None = Field(
        default=None, description="How the concept is said; default: its name with hyphens as spaces."
    )
    protect: Annotated[list[Prompt], Field(max_length=MOST_PROMPTS)] = Field(
        default_factory=list, description="More prompts that this increment must not change."
    )
    substitute: Prompt | None = Field(
        default=None, description='What is drawn instead, such as "a person"; chosen where left out.'
    )
    same_as: Slug | None = Field(
        default=None,
        description="The concept that this is a further name of: its prompts become further wordings of that concept, "
        "and versions, restoring and capacity are that concept's.",
    )
    irrevocable: bool = Field(
        default=False, description="True: it cannot be restored, ever, and is in the mask of every picture."
    )
    override: bool = Field(
        default=False,
        description="True: erase although it overlaps a protected prompt, which is given up, is not drawn, or would "
        "still be seen.",
    )
    options: ErasureOptions = Field(default_factory=ErasureOptions)

    @field_validator("options")
    @classmethod
    def _has_a_place_for_the_substitute(cls, options: ErasureOptions, others: ValidationInfo) -> ErasureOptions:
        if others.data.get("substitute") is not None:
            if options.variant == "published":
                raise ValueError("the published variant draws nothing instead: leave substitute out, or the variant")
            if options.target == "counterpart":
                raise ValueError("the target counterpart draws no substitute: leave substitute out, or the target")
        return options

    def request(self, name: str) -> AskedErasure:
        """The whole request as the registry and the worker read it, its defaults filled in."""
        fields = self.model_dump(mode="json", exclude={"options", "name"})
        fields["prompts"] = self.prompts or [name.replace("-", " ")]
        options = self.options.model_dump(mode="json", exclude_none=True)
        return cast("AskedErasure", {"name": name, **fields, "options": options})


class ConceptVersion(BaseModel):
    """One increment that was made for the concept."""

    version: int
    digest: str
    base_digest: str | None = None
    bytes: int | None = None
    reason: Reason
    created_at: datetime


class CertifiedVersion(ConceptVersion):
    """A version with what was measured of it."""

    certificate: dict[str, Any] = Field(description="What was measured when it was made, its pictures among it.")


class FurtherNameDocument(BaseModel):
    """Another name under which the concept was asked to be erased."""

    name: str
    prompts: list[str] = Field(description="Its wordings, which are wordings of the concept.")
    created_at: datetime


class ConceptDocument(BaseModel):
    """A concept: what is known of it, and the increment that serves."""

    model_config = ConfigDict(extra="allow")

    name: str
    kind: Kind
    state: ConceptState = Field(description="What serves.")
    job: str | None = Field(description="Id of the work under way, if any: its erasure, else its re-projection.")
    irrevocable: bool
    prompts: list[str]
    protect: list[str]
    substitute: str | None = Field(default=None, description="What is drawn instead, where something in particular is.")
    further_names: list[FurtherNameDocument] = Field(
        default_factory=list, description="Other names of the same thing: each answers as this concept."
    )
    version: int | None = Field(description="The version that serves, or would after erasing it again.")
    digest: str | None = Field(description="Its bytes, by sha256.")
    base_digest: str | None = Field(description="The model it was made for.")
    bytes: int | None = Field(description="Its size.")
    certificate: dict[str, Any] | None = Field(description="What was measured when it was made.")
    versions: list[ConceptVersion]
    created_at: datetime
    updated_at: datetime


class Capacity(BaseModel):
    """How much room there is for more concepts, in directions of the text embedding."""

    model_config = ConfigDict(extra="allow")

    directions: int
    left: int


class ConceptPage(BaseModel):
    """One page of the concepts."""

    items: list[ConceptDocument]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one.")
    capacity: Capacity | None = Field(default=None, description="Room left in the model that is served.")


class CloseWords(BaseModel):
    """What is known or protected and shares words with what is asked: a hint, no measurement."""

    name: str
    kind: Literal["concept", "protected"]
    words: list[str]


class MadeAgain(BaseModel):
    """A concept whose increment is made again by a job of its own once the erasure is done."""

    concept: str
    because: Literal["reprojected", "substituted"] = Field(
        description="`reprojected`: it is to leave the newcomer alone. `substituted`: it draws the newcomer instead of "
        "its own concept."
    )


class ErasurePreview(BaseModel):
    """What a request to erase would come to, by what the registry holds at this moment."""

    concept: str = Field(description="The concept that the request is of: with `same_as`, that one.")
    outcome: Literal["job", "under-way", "serves-again", "nothing"] = Field(
        description="`job`: it is made. `under-way`: it is being made by `job`. `serves-again`: what is stored serves "
        "at once. `nothing`: it is erased by the same request already."
    )
    job: str | None
    shares_words: list[CloseWords]
    suggested: bool | None = Field(
        description="Whether the model's card names it among what it draws; null where the card names nothing."
    )
    made_again: list[MadeAgain]
    measured_later: list[str] = Field(
        description="Problems that a worker alone can find, by the model, and that this cannot rule out."
    )


class NamedErasure(ErasureBody):
    """One of several erasures: the body of a single one, and its name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "van-gogh", "kind": "style"}]})

    name: Slug


class ErasuresBody(GroundsBody):
    """The concepts to erase: accepted all or none. `case` and `reason` are for those that do not say their own."""

    concepts: Annotated[list[NamedErasure], Field(min_length=1, max_length=100)]
    joint: bool = Field(
        default=False, description="True: optimise them together, balanced against each other; two at least."
    )

    def requests(self) -> list[AskedErasure]:
        """Each whole request, on its own grounds, or on those that all have in common."""
        stated = self.grounds.said()
        asked = [concept.request(concept.name) for concept in self.concepts]
        return [cast("AskedErasure", {**each, **stated, **of_request(each).said()}) for each in asked]


class AgainBody(GroundsBody):
    """On what grounds all is erased again; the body may be left out."""
