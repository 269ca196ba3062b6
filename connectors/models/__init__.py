"""The models that features can be extracted from. A new one is one file here and one decorator, or an entry point
``consilience.models`` of another package."""

from consilience.connectors.models.registry import models, open_model, register

__all__ = ["models", "open_model", "register"]
