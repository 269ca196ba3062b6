"""A static site over all runs of a study: the zoo's map over time, trends with scale, groups, and a page a model."""

from pathlib import Path

from consilience.engine.errors import BadInput

HERE = Path(__file__).parent
REPORT = HERE.parent / "report"


def write(output: Path, folder: Path) -> Path:
    """Write the site of the runs kept in a study's output folder into `folder`; return its ``index.html``.

    Raises BadInput where no run is kept.
    """
    from consilience.pipelines import history
    from consilience.pipelines.history.history import MOST
    from consilience.pipelines.history.history import history as of_runs
    from consilience.pipelines.reevaluate.baseline import scored
    from consilience.pipelines.reevaluate.kinds import MODELS
    from consilience.pipelines.report.numbers import fixed
    from consilience.pipelines.report.page import page, save
    from consilience.pipelines.zoosite.site import model_pages, site

    entries = scored(output, MODELS)[-MOST:]
    if not entries:
        raise BadInput(
            "the output folder of a study of models that was run",
            f"{output}, which keeps no run of one",
            "run the study",
        )
    past, last = of_runs(entries), entries[-1].record
    scripts = [REPORT / "numbers.js", history.HERE / "data.js", REPORT / "look.js", HERE / "common.js"]
    shared = {
        "study": last.experiment, "version": last.tags["version"], "created": last.tags["created"][:10],
        "fixed": fixed,
    }  # fmt: skip
    found = site(entries)
    pages = model_pages(entries, past, found)
    for one in pages:
        text = page(
            HERE / "model.html", {**shared, "title": one["name"], **one}, data=history.data({}, own=one["over_time"]),
            scripts=[*scripts, HERE / "model.js"], styles=[HERE / "zoosite.css"],
        )  # fmt: skip
        save(text, folder / one["file"])
    text = page(
        HERE / "index.html", {**shared, "title": last.experiment, "runs": past["runs"], "pages": pages, **found},
        data=history.data({}, runs=past["runs"], **{k: found[k] for k in ("maps", "trends", "metrics", "over")}),
        scripts=[*scripts, HERE / "index.js"], styles=[HERE / "zoosite.css"],
    )  # fmt: skip
    return save(text, folder / "index.html")
