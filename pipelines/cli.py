"""The command line: thin commands over the functions that Python has too. Nothing heavy is imported up here."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from consilience.engine.errors import BadInput, unknown

BAD_INPUT, REJECTS, INTERRUPTED = 2, 3, 130
INTERRUPTION = "\nInterrupted. What was extracted and scored is kept: the same command goes on from here."

app = typer.Typer(
    name="consilience",
    help="Compare the representations of foundation models, at any number of samples, with error bars.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="A study file (YAML).")]
Store = Annotated[str, typer.Option(help="The folder of feature tables, or s3://BUCKET/PREFIX.")]
Executor = Annotated[
    str | None,
    typer.Option(help="Where passes run: threads, distributed, ray, or an address with its scheme."),
]
Address = Annotated[
    str | None, typer.Option(help="The Dask scheduler or Ray cluster; default: this machine.")
]


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 a bug, 2 bad input, 3 more rejects than the study allows."""
    try:
        app()
    except BadInput as bad:
        from rich.console import Console

        Console(stderr=True, soft_wrap=True, highlight=False).print(str(bad), style="red", markup=False)
        sys.exit(BAD_INPUT)


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Where features, scores and report go.")] = Path(
        "consilience-demo"
    ),
) -> None:
    """Compare six vision and language models on OpenMoji, and leave a report."""
    from consilience.pipelines.console import Console
    from consilience.pipelines.demo import study_file

    console = Console()
    path, edited = study_file(output)
    if edited:
        console.say(f"{path} differs from the study that comes with this version; it is used as it stands.")
    console.say(f"The demo is an ordinary study: copy {path}, edit it, and give it to `consilience run`.\n")
    _run(path, console)


@app.command()
def run(study: StudyFile, executor: Executor = None, address: Address = None) -> None:
    """Run a study: extract what is missing, compare what is new, write scores and report."""
    from consilience.pipelines.console import Console

    _run(study, Console(), executor, address)


def _run(study: Path, console: Any, executor: str | None = None, address: str | None = None) -> None:
    from consilience.pipelines.study import load_study
    from consilience.pipelines.zoo import run as run_study

    try:
        scores = run_study(load_study(study).elsewhere(executor, address), console=console)
    except KeyboardInterrupt:
        console.say(INTERRUPTION)
        raise typer.Exit(INTERRUPTED) from None
    if scores.attrs["status"] != "done":
        console.say(f"Exit code {REJECTS}: {scores.attrs['status']}.", style="yellow")
        raise typer.Exit(REJECTS)


@app.command()
def plan(
    study: StudyFile,
    nodes: Annotated[int, typer.Option(min=0, help="Of a cluster that is simulated; 0: none is.")] = 0,
    gpus: Annotated[int, typer.Option(min=0, help="Of each node; 0: models run on its cores.")] = 0,
    rate: Annotated[
        float,
        typer.Option(min=0.001, help="Samples a second through a model, of one replica on the cluster."),
    ] = 1000.0,
) -> None:
    """Show what a run would do: passes, memory and seconds on this machine, or hours on a cluster."""
    from consilience.pipelines.console import Console
    from consilience.pipelines.prepare import prepare
    from consilience.pipelines.study import load_study

    prepared, console = prepare(load_study(study)), Console()
    prepared.plan().show(console)
    if nodes:
        from consilience.engine.simulation import Cluster
        from consilience.pipelines.scale import Rates, of_study

        rates = Rates(forward=rate)
        console.say(rates.told() + "\n")
        of_study(prepared, Cluster(nodes, gpus), rates).show(console)


@app.command()
def brain(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A study file (YAML), or brain92, or alice.")],
    plan: Annotated[bool, typer.Option("--plan", help="Show what a run would do, and stop.")] = False,
    output: Annotated[
        Path | None, typer.Option(help="Where a shipped study goes; default: consilience-STUDY.")
    ] = None,
    executor: Executor = None,
    address: Address = None,
) -> None:
    """Run a study of brains: align layers with regions over subjects, predict responses, write tables and report."""
    from consilience.pipelines.brain import run as brains
    from consilience.pipelines.brain.study import load_brain_study, study_file
    from consilience.pipelines.console import Console

    console = Console()
    path, edited = study_file(study, output)
    if edited:
        console.say(f"{path} differs from the study that comes with this version; it is used as it stands.")
    if plan:
        brains.plan(path, console=console).show(console)
        return
    try:
        brains.run(load_brain_study(path).elsewhere(executor, address), console=console)
    except KeyboardInterrupt:
        console.say(INTERRUPTION)
        raise typer.Exit(INTERRUPTED) from None


@app.command()
def extract(
    model: Annotated[str, typer.Argument(help="A model's name; see `consilience list models`.")],
    stimuli: Annotated[str, typer.Argument(help="A stimulus set's name; see `consilience list stimuli`.")],
    store: Store = "features",
    layers: Annotated[
        list[str] | None, typer.Option(help="Layer name or glob pattern; may be repeated.")
    ] = None,
    pool: Annotated[str, typer.Option(help="mean, max, cls or last.")] = "mean",
    address: Annotated[str | None, typer.Option(help="A running Ray cluster; default: this machine.")] = None,
) -> None:
    """Extract one model's features of one stimulus set into a store."""
    from consilience.pipelines.console import Console
    from consilience.pipelines.extract import extract as extract_table

    console = Console()
    with console.watching() as progress:
        table = extract_table(
            model, stimuli, store, layers=layers or "all", pool=pool, address=address, progress=progress
        )
    console.say(f"{table!r}\n{table.path}")


@app.command()
def status(
    place: Annotated[
        Path,
        typer.Argument(metavar="[STORE|STUDY|OUTPUT]", help="A store, a study file, or its output folder."),
    ] = Path("features"),
) -> None:
    """Say how far an extraction is that runs in another shell, or ran; and which shards were slow."""
    from datetime import UTC, datetime

    from consilience.pipelines.console import Console
    from consilience.pipelines.status import HEADER
    from consilience.pipelines.status import status as read_status

    console, now = Console(), datetime.now(UTC)
    found = read_status(place, now)
    console.table(f"Extraction into {place}", HEADER, [x.facts(now) for x in found])
    for one in found:
        slow = ", ".join(
            f"{seconds:.1f} s shard {shard} on {node[:8]}" for seconds, shard, node in one.slowest
        )
        if slow:
            console.say(f"{one.model}, slowest: {slow}")


@app.command()
def compare(
    tables: Annotated[
        list[str], typer.Argument(help="Folders of feature tables: STORE/MODEL/STIMULI[/DIGEST].")
    ],
    metric: Annotated[
        list[str], typer.Option(help="Metric id, such as cka:estimator=biased; may be repeated.")
    ],
    output: Annotated[Path, typer.Option(help="Where scores and report go.")] = Path("out"),
    seed: int = 0,
    permutations: int = 20,
    groups: int = 20,
    budget: str = "8GB",
    preprocess: Annotated[
        list[str] | None,
        typer.Option(help="Preprocessing step, such as pca:variance=0.9; may be repeated, in order."),
    ] = None,
    executor: Executor = None,
    address: Address = None,
) -> None:
    """Compare every layer of some feature tables with every other, without a study."""
    from consilience.pipelines.console import Console
    from consilience.pipelines.tables import compare_tables

    console = Console()
    with console.watching() as progress:
        report = compare_tables(
            tables, metric, output, seed=seed, permutations=permutations, groups=groups, budget=budget,
            preprocess=preprocess or (), executor=executor or "threads", address=address, progress=progress,
        )  # fmt: skip
    console.say(f"Report: {report}")


@app.command()
def audit(
    a: Annotated[
        str, typer.Argument(metavar="A", help="STORE/MODEL/STIMULI[/DIGEST]:LAYER, or a .npy file.")
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The other one, likewise.")],
    output: Annotated[Path, typer.Option(help="The page to write.")] = Path("audit.html"),
    metric: Annotated[
        list[str] | None, typer.Option(help="Metric id; may be repeated. Default: eleven of all families.")
    ] = None,
    seed: int = 0,
    budget: str = "8GB",
) -> None:
    """Show where the metrics of two representations disagree, and why: dominant units, bias, too few samples."""
    from consilience.pipelines.console import Console
    from consilience.pipelines.tables import audit_layers

    console = Console()
    with console.watching() as progress:
        found, page = audit_layers(
            a, b, output, metrics=metric or (), seed=seed, budget=budget, progress=progress
        )
    for finding in found.findings:
        console.say(f"- {finding.text}")
    console.say(f"Report: {page}")


@app.command(name="import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="npz, npy, safetensors, parquet or h5 files.")],
    model: Annotated[str, typer.Option(help="The name of the model whose features these are.")],
    stimuli: Annotated[str, typer.Option(help="The name of the stimulus set.")],
    store: Store = "features",
    ids: Annotated[
        Path | None, typer.Option(help="Sample ids for files that hold none: text or npy.")
    ] = None,
) -> None:
    """Import your own features into a store. An npz holds `sample_id` and one array a layer."""
    from consilience.engine.features.importing import import_files
    from consilience.pipelines.console import Console

    table = import_files(files, model, stimuli, store, ids)
    Console().say(f"{table!r}\n{table.path}")


@app.command(name="list")
def list_(
    kind: Annotated[str, typer.Argument(help="metrics, preprocessing, models, stimuli, brains or tables.")],
    store: Store = "features",
) -> None:
    """List the registered metrics, preprocessing steps, models, stimuli or brains, or the tables of a store."""
    from consilience.pipelines.console import Console
    from consilience.pipelines.tables import listing

    kinds = ("metrics", "preprocessing", "models", "stimuli", "brains", "tables")
    if kind not in kinds:
        raise unknown("kind of thing to list", kind, kinds)
    for row in listing(kind, store):
        Console().say("  ".join(row))


@app.command()
def verify(
    place: Annotated[
        str, typer.Argument(metavar="[STORE|TABLE]", help="A store, or a table: STORE/MODEL/STIMULI/DIGEST.")
    ] = "features",
    repair: Annotated[
        bool, typer.Option("--repair", help="Take damaged parts out, for the next run to make them again.")
    ] = False,
) -> None:
    """Read every part of feature tables, and list those that are not as they were written."""
    from consilience.pipelines.console import Console
    from consilience.pipelines.tables import verify as verify_tables

    console = Console()
    with console.watching() as progress:
        found = verify_tables(place, repair, progress)
    for damage in found:
        console.say(f"{damage.table / damage.file}: {damage.what}")
    lost = [str(damage.table) for damage in found if damage.file == "manifest.json"]
    if found and not repair:
        raise BadInput("every part as it was written", f"{len(found)} damaged", "run it again with --repair")
    if lost:
        raise BadInput(
            "readable manifests", f"none in {', '.join(lost)}", "delete what is there, and make it again"
        )
    console.say(
        "Damaged parts are removed: run the command that made the tables, and it makes these parts again."
        if found else "Every part is as it was written."
    )  # fmt: skip


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="A run's output folder, or its scores.nc.")],
    output: Annotated[
        Path | None, typer.Option(help="The file to write; default: report.html beside the scores.")
    ] = None,
) -> None:
    """Draw the report of a finished run anew."""
    from consilience.engine.scores import open_scores
    from consilience.pipelines.console import Console
    from consilience.pipelines.report import write

    path = run / "scores.nc" if run.is_dir() else run
    beside = path.with_name("profile.nc")
    scores, profile = open_scores(path), open_scores(beside) if beside.is_file() else None
    Console().say(f"Report: {write(scores, output or path.with_name('report.html'), profile)}")


@app.command()
def doctor(
    folder: Annotated[Path, typer.Argument(help="Where a run would write.")] = Path("."),
    speed: Annotated[
        bool, typer.Option(help="Measure matrix products and reading, which takes seconds.")
    ] = True,
) -> None:
    """Say what this machine offers, what is missing, and how to add it."""
    from consilience.pipelines.console import Console
    from consilience.pipelines.doctor import examine

    console = Console()
    for finding in examine(folder.resolve(), speed=speed):
        console.say(f"{finding.what:<34}{finding.found}")
        if finding.fix:
            console.say(f"{'':<34}{finding.fix}", style="yellow")


if __name__ == "__main__":
    main()
