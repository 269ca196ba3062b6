"""The engine: feature tables, extraction, passes, metrics, inference, scores. Imports nothing of its users."""

if __name__ != "consilience.engine":
    raise ImportError(
        f"this folder was imported as {__name__!r}; expected 'consilience.engine'. "
        "Fix: run outside the source tree or install with 'pip install -e .', then import consilience"
    )
