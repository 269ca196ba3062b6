"""A study: a YAML file that names models, stimuli, metrics and budget. Read here, run by `pipelines.zoo.run`.

```yaml
name: openmoji
stimuli: openmoji
models:
  - efficientnet-lite0
  - {name: minilm, layers: all, pool: mean}
  - {name: whisper-tiny.en, stimuli: "spoken:openmoji"}   # shown another set, under the ids of the study's
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
precision: exact           # or fast, auto: CKA and neighbours from few digits; auto only where it cannot be seen
until_se: null             # draw random pairs of samples until the standard errors are this small, such as 0.005
labels: null               # a CSV or Parquet file with the columns sample_id and label, or `stimuli`, those that
                           # the set itself has; for `probe`, `{name: stitch, report: class}`, `{name: cka, by: label}`
question: null             # what the run shall answer in words, with a test: layers, scale, stitching, objectives,
                           # depth; or {name: objectives, stimuli: ANOTHER-SET}, on which all is done a second time
executor: threads          # or distributed, a Dask cluster; or ray, the Ray cluster that also extracts
address: null              # of that cluster, such as tcp://host:8786 or host:6379; null: processes on this machine
device: cpu                # of the comparison
reject_limit: 0.05         # share of rejected samples of one model above which the run ends with exit code 3
tracking: sqlite:///runs.db   # null: no tracking
cards: null                # a TOML file of what you know of models (architecture, year, …), to group and regress on
drift: {}                  # of `consilience reevaluate`: {q: 0.05, change: 0.01, webhook: http://…, or env:NAME}
output: out
```

A model's name may be a pattern: ``vit-*`` stands for the registered models and tables of the store that fit it,
``hf:zoo/*`` for the transformers folders there. Relative paths start at the folder of the study file.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from consilience.engine.errors import BadInput
from consilience.pipelines.studyfiles.common import StudyFile, parsed, text_of
from consilience.pipelines.studyfiles.entries import Drift, Entry, ModelEntry, Named, Patterns, Steps, Strict
from consilience.pipelines.studyfiles.located import Loc, read_yaml

if TYPE_CHECKING:
    from consilience.pipelines.zoo.prepare import StudyPlan


class LayerChoice(Strict):
    """Some layers of each model: those a pattern matches, then every n-th of them and the last."""

    patterns: Patterns = Field(default=["*"])
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


class MetricEntry(Entry):
    """One metric: its name or id, its parameters as further keys, and the layers it is computed on."""

    layers: Annotated[LayerChoice, BeforeValidator(_choice)] = LayerChoice()


class Pairs(Strict):
    """Which representations meet which: glob patterns over ``model/layer``, or over the model alone."""

    a: Patterns
    b: Patterns

    @staticmethod
    def matches(patterns: Sequence[str], model: str, layer: str) -> bool:
        return any(fnmatchcase(model, p) or fnmatchcase(f"{model}/{layer}", p) for p in patterns)


class Question(Strict):
    """What a run answers in words and with a test, beside its scores; see `consilience.pipelines.questions`.

    `stimuli`: a second set, which all models of the study are shown as well, to see whether what is found holds there.
    """

    name: Literal["layers", "scale", "stitching", "objectives", "depth"]
    stimuli: str | None = None


class Study(StudyFile):
    """The content of a study file; see the module's text for the meaning of each key."""

    stimuli: str = Field(min_length=1)
    models: list[Annotated[ModelEntry, Named]] = Field(min_length=1)
    metrics: list[Annotated[MetricEntry, Named]] = Field(min_length=1)
    preprocess: Steps = Field(default=[])
    pairs: Annotated[Pairs | None, BeforeValidator(lambda x: None if x == "all" else x)] = None
    null: bool = True
    permutations: int = Field(20, ge=1)
    groups: int = Field(20, ge=2)
    precision: Literal["exact", "fast", "auto"] = "exact"
    until_se: float | None = Field(None, gt=0)
    labels: str | None = None
    device: str = "cpu"
    reject_limit: float = Field(0.05, ge=0, le=1)
    question: Annotated[Question | None, Named] = None


def load_study(path: str | Path) -> Study:
    """Read a study file. StudyError names file, line, key, what was expected and the fix of every mistake."""
    return parse_study(*text_of(path))


def parse_study(text: str, path: Path) -> Study:
    """A study from the text of the file at `path`."""
    located = read_yaml(text, path.name)
    if isinstance(located.data, dict) and "brain" in located.data:
        fix = f"use `consilience brain {path}`, with --plan for a plan"
        raise located.error(("brain",), BadInput("a study of models", "one of brains", fix))
    return parsed(Study, text, path, _MODELS)


def plan(study: "str | Path | Study") -> "StudyPlan":
    """What running `study` would do: what is extracted, each pass over the features, its memory and seconds.

    Reads the store, loads no model. Raises BadInput like `run`, and where the budget cannot hold the
    comparison.
    """
    from consilience.pipelines.zoo.prepare import prepare

    return prepare(study if isinstance(study, Study) else load_study(study)).plan()


_MODELS: dict[Loc, type[BaseModel]] = {
    (): Study,
    ("models", "*"): ModelEntry,
    ("models", "*", "preprocess", "*"): Entry,
    ("preprocess", "*"): Entry,
    ("metrics", "*"): MetricEntry,
    ("metrics", "*", "layers"): LayerChoice,
    ("pairs",): Pairs,
    ("drift",): Drift,
    ("question",): Question,
}
