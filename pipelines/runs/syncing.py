"""The runs of a study on their way to MLflow: kept beside its output first, sent now, or when the server is there."""

import re
from html import escape
from pathlib import Path

from consilience.engine.errors import BadInput
from consilience.engine.features.lease import lease
from consilience.engine.tracking import Entry, Kept, NotSent, Sent, send
from consilience.engine.tracking.address import SQLITE, shown
from consilience.pipelines.console import Console
from consilience.pipelines.runs.output import REPORT, write_whole

RUNS = ".runs"
STUDY_KEY = (
    "consilience.study"  # the tag that holds the fingerprint of what decides the results; runs alone have it
)
STAYS = (
    "scores.nc",
    "outcomes.nc",
)  # of the files of a run, when it was sent: later runs are compared with it
_PLACE = re.compile(r"<!--run-->.*?<!--/run-->", re.DOTALL)


def kept(output: Path) -> Kept:
    """The runs of a study with that output folder."""
    return Kept(output / RUNS)


def last_run(output: Path) -> Entry | None:
    """The last run of the study, re-evaluations aside."""
    found = [x for x in kept(output).entries() if STUDY_KEY in x.record.tags]
    return found[-1] if found else None


def send_waiting(output: Path, console: Console, uri: str | None = None) -> tuple[int, int]:
    """Send the runs that wait, the oldest first, and link their reports; how many were sent, and how many wait on.

    `uri` takes the place of the address that each was meant for. What goes wrong is told, and nothing is lost by it.
    """
    runs = kept(output)
    if not runs.waiting():
        return 0, 0
    count = 0
    with lease(runs.folder, lambda: not runs.waiting()):
        down: set[str] = set()
        for entry in runs.waiting():
            to = uri or entry.uri or ""
            if to in down:
                continue
            try:
                _send(entry, to)
                count += 1
            except (NotSent, BadInput) as problem:
                down.add(to)
                console.say(f"The run is kept, and not yet in MLflow: {problem}", style="yellow")
    if waiting := len(runs.waiting()):
        console.say(f"`consilience sync {output}` sends what waits: {waiting}.", style="yellow")
    link(output)
    return count, waiting


def link(output: Path) -> None:
    """Let the report in that output folder say which run it belongs to: the last one."""
    page, last = output / REPORT, last_run(output)
    if last is not None and last.uri is not None and page.is_file():
        _put(page, _words(last, last.sent))


def _send(entry: Entry, uri: str) -> None:
    def opened(sent: Sent) -> None:
        for page in entry.files.glob("*.html"):
            _put(page, _words(entry, sent))

    entry.mark(send(uri, entry.record, entry.files, opened), STAYS)


def _put(page: Path, words: str) -> None:
    text = page.read_text(encoding="utf-8")
    write_whole(page, _PLACE.sub(lambda _: f"<!--run-->{words}<!--/run-->", text, count=1))


def _words(entry: Entry, sent: Sent | None) -> str:
    name = escape(entry.record.experiment)
    if sent is None:
        return f"This run of {name} is not yet in MLflow: <code>consilience sync</code> sends it."
    run = f"<code>{escape(sent.run_id)}</code>"
    if sent.url:
        run = f'<a href="{escape(sent.url)}">{run}</a>'
    if not sent.uri.startswith(SQLITE):
        return f"In MLflow this is run {run} of the experiment {name}, at {escape(shown(sent.uri))}."
    file = escape(Path(sent.uri.removeprefix(SQLITE)).name)
    return (
        f"In MLflow this is run {run} of the experiment {name}; "
        f"<code>mlflow ui --backend-store-uri sqlite:///{file}</code> shows it, in the folder of that file."
    )
