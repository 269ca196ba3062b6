"""Models by their name on the hub: fetched from a server that answers as the hub does, and then read offline."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import huggingface_hub
import pytest
import small_models
import small_pipelines

from consilience.connectors.models import open_model
from consilience.engine.errors import BadInput

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """One model, lab/bert-small, of which v1 is a tag; lab/shut is gated. `asked` are the paths that were."""

    folder: Path
    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        parts = self.path.strip("/").split("?")[0].split("/")
        name = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        if name == "lab/shut":
            return self.answer(403, b"{}", {"X-Error-Code": "GatedRepo"})
        if name != "lab/bert-small":
            return self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        files = sorted(
            path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()
        )
        if parts[0] == "api":
            if parts[-1] not in ("main", "v1", COMMIT):
                return self.answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            if "tree" in parts:
                tree = [
                    {"type": "file", "path": f, "oid": "0" * 40, "size": (self.folder / f).stat().st_size}
                    for f in files
                ]
                return self.answer(200, json.dumps(tree).encode(), {})
            about = {"id": name, "sha": COMMIT, "siblings": [{"rfilename": f} for f in files]}
            return self.answer(200, json.dumps(about).encode(), {})
        content = self.folder.joinpath(*parts[4:]).read_bytes()  # OWNER/NAME/resolve/REVISION/FILE
        etag = hashlib.sha256(content).hexdigest()
        return self.answer(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})

    def answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    small_models.save("bert", tmp_path / "published")
    (tmp_path / "published" / "notes.md").write_text("not needed")
    kind = type("ThisHub", (Hub,), {"folder": tmp_path / "published", "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place, files = f"http://127.0.0.1:{server.server_port}", "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", place)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", place + files)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield kind
    server.shutdown()
    server.server_close()


def test_a_model_is_fetched_once_and_known_by_its_commit(
    hub: type[Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_model("hf:lab/bert-small@v1")
    assert (model.card.name, model.card.revision) == ("bert-small", f"lab/bert-small@{COMMIT}")
    assert model.card.weights_hash == open_model(f"hf:{hub.folder}").card.weights_hash
    model.load("cpu")
    assert len(model.forward([model.preprocess("word1 word2")]).layers) == 3
    assert not any("notes.md" in path for path in hub.asked)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert open_model("hf:lab/bert-small@v1").card == model.card


def test_of_a_pipeline_the_parts_are_fetched_and_no_other_form_of_them(
    hub: type[Hub], tmp_path: Path
) -> None:
    hub.folder = tmp_path / "pipeline"
    small_pipelines.save("classes", hub.folder)
    for other in ("transformer/diffusion_pytorch_model.fp16.safetensors", "vae/diffusion_pytorch_model.bin"):
        (hub.folder / other).write_text("the same weights")
    model = open_model("diffusion:lab/bert-small@v1", {"timestep": 9})
    assert (model.card.name, model.card.revision) == ("bert-small-t9", f"lab/bert-small@{COMMIT}")
    assert model.card.weights_hash == open_model(f"diffusion:{hub.folder}", {"timestep": 9}).card.weights_hash
    model.load("cpu")
    assert not any("fp16" in path or ".bin" in path for path in hub.asked)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "lab/shut",
            "access to lab/shut, which is gated; got none. Fix: accept its terms on https://huggingface.co/lab/shut",
        ),
        (
            "lab/bert-smal",
            "a model that is there under that name .*got 'lab/bert-smal'. Fix: check both parts",
        ),
        ("lab/bert-small@v2", "a branch, tag or commit of lab/bert-small; got 'v2'. Fix: see"),
        ("/no/such/folder", "a transformers folder with its config.json; got /no/such/folder"),
    ],
)
def test_what_cannot_be_had_is_told(hub: type[Hub], name: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        open_model(f"hf:{name}")


def test_without_a_connection_the_way_out_is_told(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        BadInput,
        match=r"a folder lab/bert-small, a model .*; got none of these. Fix: check the path",
    ):
        open_model("hf:lab/bert-small")
    assert hub.asked == []
