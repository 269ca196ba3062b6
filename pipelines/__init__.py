"""The pipelines: studies, reports and the command line, built on engine and connectors."""

if __name__ != "consilience.pipelines":
    raise ImportError(
        f"this folder was imported as {__name__!r}; expected 'consilience.pipelines'. "
        "Fix: run outside the source tree or install with 'pip install -e .', then import consilience"
    )
