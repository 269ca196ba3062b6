"""What stands in a study file of every kind: models, metrics, steps, and from where on a change is drift."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

if TYPE_CHECKING:
    from consilience.engine.extraction.settings import Settings


def _patterns(value: Any) -> Any:
    if value == "all":
        return ["*"]
    return [value] if isinstance(value, str) else value


Patterns = Annotated[list[str], BeforeValidator(_patterns), Field(min_length=1)]
SIZE = r"^\d+(\.\d+)? ?([kMGT]i?)?B$"


class Strict(BaseModel):
    """A part of a study file: no key that it does not know, and no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


Named = BeforeValidator(_named)  # a name alone stands for the mapping with it


class Entry(Strict):
    """A metric or a preprocessing step: its name or id, and its parameters as further keys."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(min_length=1)

    def spec(self) -> str | dict[str, Any]:
        """What the engine reads."""
        return {"name": self.name, **self.model_extra} if self.model_extra else self.name


Steps = list[Annotated[Entry, Named]]


class ModelEntry(Strict):
    """One model of the zoo. `layers`: ``all`` or glob patterns over its layers' names. `preprocess`: its steps, in
    place of the study's. `options`: of its kind of model. `autocast`: the type of torch's products, if not float32.
    `batch`: how many samples go through it at once, or ``auto``, as many as `memory` allows a replica. `quantize`: in
    how many bits the weights of linear layers are kept. `device_map`: ``auto`` spreads it over the `gpus` of a replica,
    a mapping says which module is where. `compile`: whether torch compiles it. `project`: to how many values its
    vectors are projected at random. `stimuli`: the set that it is shown, under the ids of the study's, in its place."""

    name: str = Field(min_length=1)
    layers: Patterns = ["*"]
    pool: str = "mean"
    preprocess: Steps | None = None
    options: dict[str, Any] = Field(default={})
    autocast: Literal["bfloat16", "float16"] | None = None
    batch: Literal["auto"] | Annotated[int, Field(ge=1)] | None = None
    memory: Annotated[str, Field(pattern=SIZE)] | Annotated[int, Field(ge=1)] | None = None
    quantize: Literal["8bit", "4bit"] | None = None
    device_map: Literal["auto"] | dict[str, str | int] | None = None
    gpus: Annotated[float, Field(gt=0)] | None = None
    compile: bool = False
    project: int | None = Field(default=None, ge=1)
    stimuli: str | None = None

    def on(self, stimuli: str) -> str:
        """The stimulus set that the model is shown in a study of `stimuli`."""
        return self.stimuli or stimuli

    @property
    def wanted(self) -> "Literal['all'] | list[str]":
        """What extraction takes."""
        return "all" if self.layers == ["*"] else self.layers

    @property
    def computed(self) -> "Settings":
        """How extraction computes it."""
        return {
            "autocast": self.autocast, "batch_size": self.batch, "memory": self.memory, "quantize": self.quantize,
            "device_map": self.device_map, "compile": self.compile, "project": self.project,
        }  # fmt: skip


class Drift(Strict):
    """From where on a changed score is told as drift: `q` over all that were tested, and the size of the change.

    `webhook` is sent what a re-evaluation found; ``env:NAME`` keeps the address out of the file.
    """

    q: float = Field(default=0.05, gt=0, le=1)
    change: float = Field(default=0.01, ge=0)
    webhook: str | None = Field(default=None, pattern=r"^(https?://|env:)\S+$")
