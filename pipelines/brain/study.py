"""A brain study: a YAML file that names a brain data set, models, metrics, an encoding. `pipelines.brain.run` runs it.

```yaml
name: brain92
brain: kriegeskorte92      # a registered data set (`consilience list brains`), such as arrays:FOLDER; or a mapping of
                           # its name and its options, such as {name: "bids:FOLDER", task: look, atlas: FILE}
stimuli: null              # what the models see; by itself the stimulus set of the data set
models: [efficientnet-lite0, {name: minilm, layers: all, pool: mean, stimuli: alice-context}]
metrics: [rsa]             # of layers with regions; default rsa:compare=spearman. Recordings over time take `encode`
regions: all               # or glob patterns
hierarchy: null            # regions in the order in which they are thought to follow on each other
encode: null               # or a mapping, empty for the defaults:
  # nuisance: []           #   spaces of the data set that features have to predict more than
  # delays: null           #   of the features, in volumes, such as [1, 2, 3, 4]; else `hrf`
  # hrf: spm               #   or glover: the response by which stimuli are brought to volumes, unless there are delays
  # components: 50         #   leading components that each layer is reduced to; null: as it is
  # high_pass: 128         #   seconds: slower drifts are taken out of recordings over time; null: none are
  # folds: 5               #   runs of consecutive rows; where the recording has runs or stories, runs of those, which
  #                        #   are cut only where they are fewer than the folds, and there is a gap
  # gap: 0                 #   seconds between folds that follow each other, in none of them, for neighbours in time are
  #                        #   alike; such as 16, the length of the response. Rows, where these are no time points
  # choose_layer: true     #   one layer a model and fold, chosen inside the training folds
  # permutations: 0        #   responses shifted in time, for a p of each subject
  # bands: 10              #   weightings tried in a banded ridge
reliability: null          # of recordings whose stimuli came several times, or a mapping, empty for the defaults:
  # metric: rsa            #   by which dissimilarities are compared
  # splits: 100            #   ways to deal the repeats into halves
  # permutations: 1000     #   of the stimuli within every repeat
permutations: 1000         # of the stimuli
bootstraps: 2000
seed: 0
store: features
budget: 8GB
executor: threads          # or distributed, or ray; address: see a study of models
tracking: sqlite:///runs.db   # null: no tracking
drift: {}                  # of `consilience reevaluate`: see a study of models
output: out
```

A study of `reliability` alone takes no models, and looks at one subject too. Relative paths start at the folder of the
study file.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_serializer

from consilience.engine.errors import BadInput, unknown
from consilience.pipelines.studyfiles.common import StudyFile, parsed, text_of
from consilience.pipelines.studyfiles.entries import Drift, Entry, ModelEntry, Named, Patterns, Strict
from consilience.pipelines.studyfiles.located import Loc


class Encode(Strict):
    """How responses are predicted from features; see the module's text for the keys."""

    nuisance: list[str] = Field(default=[])
    delays: list[Annotated[int, Field(ge=0)]] | None = None
    hrf: Literal["spm", "glover"] | None = "spm"
    components: int | None = Field(50, ge=1)
    high_pass: float | None = Field(128.0, gt=0)
    folds: int = Field(5, ge=3)
    gap: float = Field(0.0, ge=0)
    choose_layer: bool = True
    permutations: int = Field(0, ge=0)
    bands: int = Field(10, ge=1)

    @property
    def response(self) -> str | None:
        """The haemodynamic response that features are convolved with; none where delays stand for it."""
        return None if self.delays else self.hrf


class Reliability(Strict):
    """How recordings are held to their own repeats; see the module's text for the keys."""

    metric: Annotated[Entry, Named] = Entry(name="rsa")
    splits: int = Field(100, ge=1)
    permutations: int = Field(1000, ge=0)


class BrainStudy(StudyFile):
    """The content of a brain study's file."""

    brain: Annotated[Entry, Named]
    stimuli: str | None = None
    models: list[Annotated[ModelEntry, Named]] = Field(default=[])
    metrics: list[Annotated[Entry, Named]] | None = None
    regions: Patterns = Field(["*"], min_length=1)
    hierarchy: list[str] | None = None
    encode: Encode | None = None
    reliability: Reliability | None = None
    permutations: int = Field(1000, ge=0)
    bootstraps: int = Field(2000, ge=100)

    @field_serializer("brain")
    def _as_written(self, brain: Entry) -> str | dict[str, Any]:
        return brain.spec()

    @property
    def names_stimuli(self) -> Loc:
        return ("stimuli",) if self.stimuli else ("brain",)

    def chosen(self, regions: Sequence[str]) -> list[str]:
        """Those of `regions` that the study asks for. StudyError for a pattern that fits none."""
        for pattern in (*self.regions, *(self.hierarchy or ())):
            if not any(fnmatchcase(region, pattern) for region in regions):
                key = "regions" if pattern in self.regions else "hierarchy"
                raise self.error((key,), unknown("region", pattern, regions))
        return [x for x in regions if any(fnmatchcase(x, pattern) for pattern in self.regions)]


def load_brain_study(path: str | Path) -> BrainStudy:
    """Read a brain study. StudyError names file, line, key, what was expected and the fix of every mistake."""
    text, file = text_of(path)
    study = parsed(BrainStudy, text, file, _MODELS)
    if study.encode is not None and study.encode.high_pass is not None and study.encode.high_pass < 8:
        raise study.error(
            ("encode", "high_pass"),
            BadInput("a period of 8 seconds or more", f"{study.encode.high_pass:g}", "write seconds, not Hz"),
        )
    _check_models(study)
    for i, model in enumerate(study.models):
        if study.encode is not None and model.preprocess is not None:
            wrong = BadInput(
                "no `preprocess` beside `encode`", "steps", "use `components:` of encode instead"
            )
            raise study.error(("models", i, "preprocess"), wrong)
    return study


def _check_models(study: BrainStudy) -> None:
    """Only a study of reliability alone does without models."""
    if study.models:
        return
    for key in ("metrics", "encode", "hierarchy"):
        if getattr(study, key) is not None:
            raise study.error(
                (key,), BadInput(f"`models:` for `{key}:`", "none", "name some, or leave it out")
            )
    if study.reliability is None:
        nothing = BadInput(
            "`models:`, or `reliability:`", "neither", "name models, such as efficientnet-lite0"
        )
        raise study.error((), nothing)


_MODELS: dict[Loc, type[BaseModel]] = {
    (): BrainStudy,
    ("brain",): Entry,
    ("models", "*"): ModelEntry,
    ("models", "*", "preprocess", "*"): Entry,
    ("metrics", "*"): Entry,
    ("encode",): Encode,
    ("reliability",): Reliability,
    ("reliability", "metric"): Entry,
    ("drift",): Drift,
}
