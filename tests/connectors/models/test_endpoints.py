"""Embeddings from a server that answers as OpenAI does: batches, limits, tokens, costs, and a key that stays secret."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from consilience.connectors.models import asking, open_model
from consilience.engine.errors import BadInput
from consilience.engine.extraction.cluster import ray_running
from consilience.pipelines.extract import extract
from consilience.pipelines.studyfiles.study import load_study, plan

SECRET = "sk-not-to-be-seen-0123"
TEXTS = [f"line {'x' * k} of several" for k in range(40)]


def vector(text: str, units: int) -> list[float]:
    rng = np.random.default_rng(len(text))
    return [float(x) for x in rng.normal(size=units).round(3)]


class Server(BaseHTTPRequestHandler):
    """`answers` are given first, as (status, headers); `asked` is what came."""

    answers: ClassVar[list[tuple[int, dict[str, str]]]]
    asked: ClassVar[list[tuple[float, dict[str, Any], str]]]

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((time.monotonic(), question, self.headers.get("Authorization", "")))
        if self.path != "/v1/embeddings" or question["model"] != "small":
            return self.answer(404, {"error": {"message": f"no model {question['model']}"}})
        if self.answers:
            status, headers = self.answers.pop(0)
            return self.answer(status, {"error": {"message": f"refused {SECRET}"}}, headers)
        if any("too long" in text for text in question["input"]):
            return self.answer(400, {"error": {"message": "maximum context length"}})
        units = question.get("dimensions", 6)
        data = [{"index": i, "embedding": vector(x, units)} for i, x in enumerate(question["input"])]
        tokens = sum(len(x.split()) for x in question["input"])
        return self.answer(200, {"data": data[::-1], "usage": {"total_tokens": tokens}})

    def answer(self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for key, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("CONSILIENCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CONSILIENCE_ENDPOINT_KEY", SECRET)
    monkeypatch.setattr(asking, "_FIRST", 0.01)
    kind: Any = type("ThisServer", (Server,), {"answers": [], "asked": []})
    made = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    kind.name = f"endpoint:http://127.0.0.1:{made.server_port}/v1#small"
    yield kind
    made.shutdown()
    made.server_close()


@pytest.fixture
def lines(tmp_path: Path) -> str:
    (tmp_path / "lines.txt").write_text("\n".join(TEXTS))
    return f"text:{tmp_path / 'lines.txt'}"


def test_texts_come_back_in_order_in_batches_and_tokens_are_counted(
    server: Any, lines: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ray_running(cores=2):
        table = extract(server.name, lines, tmp_path / "store")
    assert list(table.layers) == ["embedding"]
    found = table.take("embedding", np.arange(len(TEXTS)))
    np.testing.assert_allclose(found, [vector(x, 6) for x in TEXTS], rtol=1e-6)
    sizes = [len(question["input"]) for _, question, _ in server.asked]
    assert sizes == [1, 32, 8]  # a word to know the units, and then one process
    assert {key for _, _, key in server.asked} == {f"Bearer {SECRET}"}
    assert table.manifest["times"]["tokens"] == sum(len(x.split()) for x in TEXTS)
    kept = [x.read_bytes() for x in (tmp_path).rglob("*") if x.is_file()]
    assert kept
    assert not any(SECRET.encode() in x for x in kept)


def test_dimensions_are_asked_for_and_need_no_request(server: Any) -> None:
    model: Any = open_model(server.name, {"dimensions": 3})
    assert model.layers()[0].units == 3
    assert server.asked == []
    model.load("cpu")
    assert model.forward(TEXTS[:2]).layers["embedding"].shape == (2, 3)
    assert server.asked[0][1]["dimensions"] == 3
    assert model.tokens == 7


def test_it_waits_as_long_as_the_endpoint_says_and_tries_again(server: Any) -> None:
    server.answers = [(429, {"Retry-After": "0.4"}), (503, {})]
    model: Any = open_model(server.name, {"dimensions": 3})
    model.load("cpu")
    model.forward(TEXTS[:1])
    at = [when for when, _, _ in server.asked]
    assert len(at) == 3
    assert at[1] - at[0] >= 0.4
    server.answers = [(500, {})] * 3
    with pytest.raises(
        BadInput, match=r"an answer from .*got 500 refused …, 3 times. Fix: .*goes on"
    ) as told:
        open_model(server.name, {"dimensions": 3, "retries": 2}).forward(TEXTS[:1])
    assert SECRET not in str(told.value)


def test_a_rate_is_kept(server: Any) -> None:
    model: Any = open_model(server.name, {"dimensions": 3, "rate": 300.0})
    model.load("cpu")
    for _ in range(4):
        model.forward(TEXTS[:1])
    at = [when for when, _, _ in server.asked]
    assert at[-1] - at[0] >= 3 * 0.2 - 0.05


def test_a_text_that_is_refused_is_one_sample_and_not_the_endpoint(server: Any) -> None:
    model: Any = open_model(server.name, {"dimensions": 3})
    model.load("cpu")
    with pytest.raises(ValueError, match="the endpoint refused it: 400 maximum context length") as told:
        model.forward(["too long", "short"])
    assert not isinstance(told.value, BadInput)
    with pytest.raises(ValueError, match="the text is empty"):
        model.preprocess("  ")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((401, {}), "a key for .* in the environment variable CONSILIENCE_ENDPOINT_KEY; got answer 401"),
        ((307, {"Location": "http://localhost:9/v1/embeddings"}), "an embeddings endpoint and its model"),
    ],
)
def test_what_no_other_try_would_change_is_told(server: Any, answer: Any, says: str) -> None:
    server.answers = [answer]
    with pytest.raises(BadInput, match=says) as told:
        open_model(server.name).layers()
    assert SECRET not in str(told.value)
    assert len(server.asked) == 1


def test_addresses_models_and_options_that_cannot_be(server: Any) -> None:
    with pytest.raises(BadInput, match=r"an embeddings endpoint and its model at .*got 404 no model smal"):
        open_model(server.name[:-1]).layers()
    for place, says in {
        "https://api.openai.com/v1": "expected endpoint:URL#MODEL",
        "api.openai.com#m": "an address such as https://api.openai.com/v1",
        f"https://me:{SECRET}@host/v1#m": "an address without a user, a password or a query",
        f"https://host/v1?key={SECRET}#m": "an address without a user",
    }.items():
        with pytest.raises(BadInput, match=says) as told:
            open_model(f"endpoint:{place}")
        assert SECRET not in str(told.value)
    with pytest.raises(BadInput, match="`rate` above 0"):
        open_model(server.name, {"rate": 0.0})
    with pytest.raises(BadInput, match=r"https for example.org, where the key in CONSILIENCE_ENDPOINT_KEY"):
        open_model("endpoint:http://example.org/v1#m").layers()


def test_the_plan_says_what_it_will_cost(server: Any, lines: str, tmp_path: Path) -> None:
    study = (
        f"name: paid\nstimuli: {lines}\nmetrics: [cka]\ntracking: null\nmodels:\n  - {{name: '{server.name}'"
    )
    for options, says in (
        ("price: 0.02, dimensions: 4", "about $7.1e-06"),
        ("dimensions: 4", "price not known"),
    ):
        (tmp_path / "study.yaml").write_text(f"{study}, options: {{{options}}}}}\n")
        (bill,) = plan(load_study(tmp_path / "study.yaml")).bills.values()
        assert bill.startswith("40 texts, about 355 tokens at 4 letters each: ")
        assert says in bill


def test_what_an_endpoint_computes_cannot_be_cast(server: Any, lines: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"got .*small.*, which its endpoint computes"):
        extract(server.name, lines, tmp_path / "store", autocast="float16")
