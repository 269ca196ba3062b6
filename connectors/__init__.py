"""The connectors: models, stimuli and brains, each behind an interface of the engine."""

if __name__ != "consilience.connectors":
    raise ImportError(
        f"this folder was imported as {__name__!r}; expected 'consilience.connectors'. "
        "Fix: run outside the source tree or install with 'pip install -e .', then import consilience"
    )
