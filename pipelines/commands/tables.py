"""Commands that make feature tables, compare them, and look after them."""

from pathlib import Path
from typing import Annotated

import typer

from consilience.engine.errors import BadInput
from consilience.pipelines.commands.options import Address, Executor, Options, Store, batch_of, options_of


def extract(
    model: Annotated[str, typer.Argument(help="A model's name; see `consilience list models`.")],
    stimuli: Annotated[str, typer.Argument(help="A stimulus set's name; see `consilience list stimuli`.")],
    store: Store = "features",
    layers: Annotated[
        list[str] | None, typer.Option(help="Layer name or glob pattern; may be repeated.")
    ] = None,
    pool: Annotated[str, typer.Option(help="mean, max, cls, last, or flat: every position.")] = "mean",
    autocast: Annotated[
        str | None, typer.Option(help="bfloat16 or float16: torch makes products in that type.")
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(help="Samples that go through the model at once; auto: all that fit --memory."),
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="With --batch auto: what a replica may take, such as 4GB.")
    ] = None,
    quantize: Annotated[
        str | None, typer.Option(help="8bit or 4bit: the weights of linear layers are kept in so many bits.")
    ] = None,
    device_map: Annotated[
        str | None, typer.Option(help="auto: the model is spread over the --gpus of a replica.")
    ] = None,
    gpus: Annotated[float | None, typer.Option(help="What a replica takes of a GPU, or how many.")] = None,
    compile: Annotated[bool, typer.Option("--compile", help="Have torch compile the network.")] = False,
    project: Annotated[int | None, typer.Option(help="Project vectors at random to so many values.")] = None,
    address: Annotated[str | None, typer.Option(help="A running Ray cluster; default: this machine.")] = None,
    option: Options = None,
) -> None:
    """Extract one model's features of one stimulus set into a store."""
    from consilience.connectors.models import open_model
    from consilience.engine.extraction.runlog import notes
    from consilience.pipelines.bills import paid
    from consilience.pipelines.console import Console
    from consilience.pipelines.extract import extract as extract_table
    from consilience.pipelines.runs.computed import batch_found

    console, opened = Console(), open_model(model, options_of(option))
    with console.watching() as progress:
        table = extract_table(
            opened, stimuli, store, layers=layers or "all", pool=pool, address=address, autocast=autocast,
            batch=batch_of(batch), memory=memory, quantize=quantize, device_map=device_map, gpus=gpus, compile=compile,
            project=project,
            progress=progress,
        )  # fmt: skip
    batches = f"In batches of {found}" if (found := batch_found(table)) else ""
    told = paid(opened, table), batches, repr(table), str(table.path)
    console.say("\n".join(x for x in told if x))
    for what, count in notes(table.path).items():
        console.say(f"{count:,} of the samples {what}")


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="npz, npy, safetensors, parquet, h5, pt or txt files, or a folder of thingsvision or Net2Brain."
        ),
    ],
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


def compare(
    tables: Annotated[
        list[str],
        typer.Argument(
            help="Folders of feature tables: STORE/MODEL/STIMULI, or with /DIGEST one of several."
        ),
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


def audit(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", help="STORE/MODEL/STIMULI:LAYER or with /DIGEST before the colon, or a .npy file."
        ),
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
