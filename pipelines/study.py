"""A study: a YAML file that names models, stimuli, metrics and budget. Read here, run by `pipelines.zoo`.

```yaml
name: openmoji
stimuli: openmoji
models: [efficientnet-lite0, {name: minilm, layers: all, pool: mean}]
metrics:
  - cka
  - {name: cka, estimator: biased}            # parameters of the metric, as in `cka:estimator=biased`
  - {name: svcca, layers: {every: 4}}         # only every fourth layer of each model, and the last
  - participation_ratio                       # of one representation: goes into the profile of the layers
store: features            # every key from here on has a default
preprocess: []             # steps before every metric, in their order: [clip, {name: pca, variance: 0.9}]; a model's
                           # entry may have a `preprocess` of its own, which takes its place
pairs: all                 # or {a: [patterns], b: [patterns]} over "model/layer" or "model"
null: true                 # what unrelated samples would score
permutations: 20           # for metrics whose null is not known exactly
groups: 20                 # row groups of the jackknife
seed: 0
budget: 8GB
precision: exact           # or fast, auto: products of all-pairs CKA in bfloat16; auto only where it cannot be seen
until_se: null             # draw random pairs of samples until the standard errors are this small, such as 0.005
labels: null               # a CSV or Parquet file with the columns sample_id and label, for `probe`, and
                           # for `{name: cka, by: label}`
executor: threads
device: cpu                # of the comparison
reject_limit: 0.05         # share of rejected samples of one model above which the run ends with exit code 3
tracking: sqlite:///runs.db   # null: no tracking
output: out
```

Relative paths start at the folder of the study file.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError

from consilience.engine.errors import BadInput
from consilience.pipelines.located import Loc, Located, StudyError, read_yaml
from consilience.pipelines.mistakes import in_words

if TYPE_CHECKING:
    from consilience.pipelines.prepare import StudyPlan


def _patterns(value: Any) -> Any:
    if value == "all":
        return ["*"]
    return [value] if isinstance(value, str) else value


Patterns = Annotated[list[str], BeforeValidator(_patterns), Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LayerChoice(_Strict):
    """Some layers of each model: those a pattern matches, then every n-th of them and the last."""

    patterns: Patterns = ["*"]
    every: Annotated[int, Field(ge=1)] = 1

    def choose(self, layers: Sequence[str]) -> list[str]:
        """The chosen ones of `layers`, in their order."""
        kept = [x for x in layers if any(fnmatchcase(x, p) for p in self.patterns)]
        return [x for i, x in enumerate(kept) if i % self.every == 0 or i == len(kept) - 1]

    def words(self) -> str:
        """How a report says it."""
        which = "all layers" if self.patterns == ["*"] else "layers " + ", ".join(self.patterns)
        return which if self.every == 1 else f"{which}, 1 in {self.every} and the last"


def _choice(value: Any) -> Any:
    return {"patterns": value} if isinstance(value, str | list) else value


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Entry(_Strict):
    """A metric or a preprocessing step: its name or id, and its parameters as further keys."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(min_length=1)

    def spec(self) -> str | dict[str, Any]:
        """What the engine reads."""
        return {"name": self.name, **self.model_extra} if self.model_extra else self.name


Steps = list[Annotated[Entry, BeforeValidator(_named)]]


class ModelEntry(_Strict):
    """One model of the zoo. `layers`: ``all`` or glob patterns over its layers' names. `preprocess`: its steps, in
    place of the study's."""

    name: str = Field(min_length=1)
    layers: Patterns = ["*"]
    pool: str = "mean"
    preprocess: Steps | None = None

    def on(self, stimuli: str) -> str:
        """The stimulus set that the model sees in a study of `stimuli`."""
        return stimuli

    @property
    def wanted(self) -> "Literal['all'] | list[str]":
        """What extraction takes."""
        return "all" if self.layers == ["*"] else self.layers


class MetricEntry(Entry):
    """One metric: its name or id, its parameters as further keys, and the layers it is computed on."""

    layers: Annotated[LayerChoice, BeforeValidator(_choice)] = LayerChoice()


class Pairs(_Strict):
    """Which representations meet which: glob patterns over ``model/layer``, or over the model alone."""

    a: Patterns
    b: Patterns

    @staticmethod
    def matches(patterns: Sequence[str], model: str, layer: str) -> bool:
        return any(fnmatchcase(model, p) or fnmatchcase(f"{model}/{layer}", p) for p in patterns)


class StudyFile(_Strict):
    """What every kind of study has."""

    name: str = Field(min_length=1)
    models: Sequence[Annotated[ModelEntry, BeforeValidator(_named)]] = Field(min_length=1)
    store: str = "features"
    seed: int = Field(0, ge=0)
    budget: str = Field("8GB", pattern=r"^\d+(\.\d+)? ?([kMGT]i?)?B$")
    tracking: str | None = "sqlite:///runs.db"
    output: str = "out"

    _file: Path = PrivateAttr(default=Path("study.yaml"))
    _located: Located = PrivateAttr(default_factory=lambda: Located("study"))

    @property
    def file(self) -> Path:
        """The file it was read from; relative paths start at its folder."""
        return self._file

    def path(self, value: str) -> Path:
        """A path of the study, from the folder of its file."""
        return (self._file.parent / Path(value).expanduser()).resolve()

    def error(self, loc: Loc, bad: BadInput) -> StudyError:
        """`bad`, with the place in the file where it comes from."""
        return self._located.error(loc, bad)


Kind = TypeVar("Kind", bound=StudyFile)


class Study(StudyFile):
    """The content of a study file; see the module's text for the meaning of each key."""

    stimuli: str = Field(min_length=1)
    models: list[Annotated[ModelEntry, BeforeValidator(_named)]] = Field(min_length=1)
    metrics: list[Annotated[MetricEntry, BeforeValidator(_named)]] = Field(min_length=1)
    preprocess: Steps = []
    pairs: Annotated[Pairs | None, BeforeValidator(lambda x: None if x == "all" else x)] = None
    null: bool = True
    permutations: int = Field(20, ge=1)
    groups: int = Field(20, ge=2)
    precision: Literal["exact", "fast", "auto"] = "exact"
    until_se: float | None = Field(None, gt=0)
    labels: str | None = None
    executor: str = "threads"
    device: str = "cpu"
    reject_limit: float = Field(0.05, ge=0, le=1)


def load_study(path: str | Path) -> Study:
    """Read a study file. StudyError names file, line, key, what was expected and the fix of every mistake."""
    return parse_study(*text_of(path))


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


def parse_study(text: str, path: Path) -> Study:
    """A study from the text of the file at `path`."""
    return parsed(Study, text, path, _MODELS)


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
    names = [x.name for x in study.models]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise study.error(
                ("models", i), BadInput("each model once", f"{name!r} twice", "remove one of the two")
            )
    return study


def plan(study: "str | Path | Study") -> "StudyPlan":
    """What running `study` would do: what is extracted, each pass over the features, its memory and seconds.

    Reads the store, loads no model. Raises BadInput like `run`, and where the budget cannot hold the
    comparison.
    """
    from consilience.pipelines.prepare import prepare

    return prepare(study if isinstance(study, Study) else load_study(study)).plan()


_MODELS: dict[Loc, type[BaseModel]] = {
    (): Study,
    ("models", "*"): ModelEntry,
    ("models", "*", "preprocess", "*"): Entry,
    ("preprocess", "*"): Entry,
    ("metrics", "*"): MetricEntry,
    ("metrics", "*", "layers"): LayerChoice,
    ("pairs",): Pairs,
}
