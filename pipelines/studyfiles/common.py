"""What every kind of study file has: a store, an output, an executor; and how one is read, mistakes told by line."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

from pydantic import BaseModel, Field, PrivateAttr, ValidationError

from consilience.engine.errors import BadInput
from consilience.engine.features.location import Location, is_uri, location
from consilience.pipelines.studyfiles.entries import SIZE, Drift, ModelEntry, Named, Strict
from consilience.pipelines.studyfiles.located import Loc, Located, StudyError, read_yaml
from consilience.pipelines.studyfiles.mistakes import in_words

if TYPE_CHECKING:
    from consilience.connectors.models.facts import Facts


# What of a model's entry says on what it is computed.
_WHERE = {"memory", "device_map", "gpus"}


class StudyFile(Strict):
    """What every kind of study has."""

    name: str = Field(min_length=1)
    models: Sequence[Annotated[ModelEntry, Named]] = Field(min_length=1)
    store: str = "features"
    seed: int = Field(0, ge=0)
    budget: str = Field("8GB", pattern=SIZE)
    executor: str = "threads"
    address: str | None = None
    tracking: str | None = "sqlite:///runs.db"
    cards: str | None = None
    output: str = "out"
    drift: Drift = Drift()

    _file: Path = PrivateAttr(default=Path("study.yaml"))
    _located: Located = PrivateAttr(default_factory=lambda: Located("study"))
    _places: tuple[int, ...] = PrivateAttr(
        default=()
    )  # of each model its entry, where a pattern stood for several

    @property
    def file(self) -> Path:
        """The file it was read from; relative paths start at its folder."""
        return self._file

    def path(self, value: str) -> Path:
        """A path of the study, from the folder of its file."""
        return (self._file.parent / Path(value).expanduser()).resolve()

    @property
    def store_place(self) -> Location:
        """Where the feature tables are: a folder, or a place in an object store."""
        return location(self.store if is_uri(self.store) else self.path(self.store))

    @property
    def names_stimuli(self) -> Loc:
        """The key that says which stimuli they are."""
        return ("stimuli",)

    @property
    def placed(self) -> dict[str, Any]:
        """Where passes run, as options of the engine. StudyError for an executor that there is not."""
        from consilience.engine.execution.sessions import resolved

        try:
            resolved(self.executor, self.address)
        except BadInput as bad:
            raise self.error(("executor",), bad) from bad
        return {"executor": self.executor, "address": self.address}

    def elsewhere(self, executor: str | None, address: str | None) -> Self:
        """The same study with the executor of a command line in place of its own, if one is given there."""
        if executor is None and address is None:
            return self
        return self.model_copy(update={"executor": executor or self.executor, "address": address})

    def with_models(self, models: Sequence[ModelEntry], places: Sequence[int]) -> Self:
        """The same study of those models; `places` are the entries of the file that they come from."""
        made = self.model_copy(update={"models": list(models)})
        made._places = tuple(places)
        return made

    def own_cards(self) -> "dict[str, Facts]":
        """What the user's own file says of models. StudyError for a mistake in it."""
        if self.cards is None:
            return {}
        from consilience.connectors.models.facts import read_facts

        try:
            return read_facts(self.path(self.cards))
        except BadInput as bad:
            raise self.error(("cards",), bad) from bad

    def decisive(self) -> dict[str, Any]:
        """All of it that decides the results: where they are computed, and what is said of them later, does not."""
        own = {name: found.known() for name, found in self.own_cards().items()}
        elsewhere: Any = {"executor": True, "address": True, "drift": True, "models": {"__all__": _WHERE}}
        return {**self.model_dump(mode="json", exclude=elsewhere), "cards": own}

    def told(self) -> dict[str, str]:
        """Its settings as the parameters of a run, without what nobody else may know."""
        settings = self.model_dump(mode="json", exclude={"tracking", "output"})
        texts = {
            k: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for k, v in settings.items()
        }
        return {k: self.without_secrets(text) for k, text in texts.items()}

    def without_secrets(self, text: str) -> str:
        """`text` without what nobody else may know of this study: the address of a webhook."""
        webhook = self.drift.webhook
        if webhook is None or webhook.startswith("env:"):
            return text
        return text.replace(webhook, webhook.partition("//")[0] + "//…")

    def error(self, loc: Loc, bad: BadInput) -> StudyError:
        """`bad`, with the place in the file where it comes from."""
        if self._places and loc[0] == "models" and len(loc) > 1 and isinstance(loc[1], int):
            loc = ("models", self._places[loc[1]], *loc[2:])
        return self._located.error(loc, bad)


Kind = TypeVar("Kind", bound=StudyFile)


def text_of(path: str | Path) -> tuple[str, Path]:
    """The text of a study file, and its path."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise BadInput(
            "a study file", f"{path}, which does not exist", "give its path, or start from `consilience demo`"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StudyError(path.name, "text in UTF-8", str(error), "save the file as UTF-8") from error
    return text, path


def parsed(kind: type[Kind], text: str, path: Path, models: Mapping[Loc, type[BaseModel]]) -> Kind:
    """A study of that `kind`; `models` says what stands at each place of it."""
    located = read_yaml(text, path.name)
    if not isinstance(located.data, dict):
        first = ", ".join(f"`{k}:`" for k, field in kind.model_fields.items() if field.is_required())
        raise StudyError(
            located.where(), "keys and values", type(located.data).__name__, f"start with {first}"
        )
    try:
        study = kind.model_validate(located.data)
    except ValidationError as error:
        raise in_words(error, located, models) from error
    study._file, study._located = path, located
    try:
        location(study.store)
    except BadInput as bad:  # credentials in a URI, which are not shown
        raise study.error(("store",), bad) from bad
    names = [x.name for x in study.models]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise study.error(
                ("models", i), BadInput("each model once", f"{name!r} twice", "remove one of the two")
            )
    return study
