"""Models listed by family, and one inspected: what it says of itself, and what it took."""

from pathlib import Path

import pytest
from called import Call

from consilience.connectors.models import open_model
from consilience.engine.errors import BadInput
from consilience.engine.extraction.pools import able
from consilience.pipelines.inspecting import SAMPLES, inspect


def test_models_are_listed_by_family(call: Call) -> None:
    def names(family: str) -> list[str]:
        code, out, _ = call("list", "models", "--family", family)
        assert code == 0
        return [line.split()[0] for line in out.splitlines()]

    vision, language, both = names("vision"), names("language"), names("multimodal")
    assert {"efficientnet-lite0", "efficientnet-lite2-random", "hf:NAME_OR_FOLDER"} <= {*vision}
    assert {"minilm", "smollm2", "glove", "gguf:FILE"} <= {*language}
    assert not {"minilm", "gguf:FILE"} & {*vision}
    assert not any(":" not in x for x in both)
    code, _, said = call("list", "models", "--family", "vison")
    assert (code, "did you mean 'vision'?" in said) == (2, True)
    assert call("list", "stimuli", "--family", "vision")[0] == 2


def test_a_model_is_inspected_on_a_dozen_samples(call: Call, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("\n".join(f"line {i} of a text" for i in range(20)))
    code, out, _ = call("inspect", "glove", f"text:{tmp_path / 'lines.txt'}")
    assert code == 0
    assert "glove: text, 20,000,000 parameters, licence PDDL 1.0" in out
    assert "word vectors, GloVe, language, 2014" in out
    assert "Measured on 12 samples" in out
    assert "mean, max, cls, last" in out


def test_what_is_measured_is_what_happened() -> None:
    seen = inspect(open_model("efficientnet-lite0"))
    assert seen.samples == SAMPLES
    assert (seen.layers[0].name, seen.layers[0].shape) == ("block.0", (16, 112, 112))
    assert (seen.layers[-1].units, seen.layers[-1].pools) == (1280, able("bchw"))
    assert able("bchw") == ("mean", "max")
    maps = 4 * SAMPLES * sum(x.units * x.shape[1] * x.shape[2] for x in seen.layers)
    assert seen.peak > 0.5 * maps  # all of them are there at the end
    assert 0 < seen.forward < 60
    assert seen.thousand == pytest.approx(seen.forward / SAMPLES * 1000)
    assert seen.kept == 4000 * sum(x.units for x in seen.layers)


def test_names_and_stimuli_that_do_not_fit_are_told(call: Call, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("one\ntwo\n")
    for arguments, says in (
        (("inspect", "minilmm"), "did you mean 'minilm'?"),
        (("inspect", "torhc:nets:small"), "did you mean 'torch:MODULE:CALLABLE'?"),
        (("inspect", "onx:model.onnx"), "did you mean 'onnx:FILE'?"),
        (("inspect", "efficientnet-lite0", f"text:{tmp_path / 'lines.txt'}"), "with the view 'image'"),
        (("inspect", "minilm", "opnemoji"), "did you mean 'openmoji'?"),
        (("inspect", "minilm", "--option", "modality"), "--option KEY=VALUE"),
        (("inspect", "endpoint:http://127.0.0.1:9/v1#m", "--option", "prise=1"), "did you mean 'price'?"),
    ):
        code, _, said = call(*arguments)
        assert (code, says in said) == (2, True), said
    glove = open_model("glove")
    with pytest.raises(BadInput, match="no word of"):
        inspect(glove, _Words())


class _Words:
    name, fingerprint, licence, citation = "words", "1", "none", "none"

    def views(self) -> list[str]:
        return ["text"]

    def sample_ids(self) -> list[str]:
        return ["a"]

    def get(self, view: str, index: int) -> str:
        return "curtseying"
