"""What is known of models beyond what decides their features: architecture, year, training data; a table of ours and
one of the user's.

It stands apart from `ModelCard`, whose digest names the feature table: features do not change when we learn a year.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from consilience.engine.errors import BadInput, unknown

FAMILIES = ("vision", "language", "speech", "multimodal")
OF_MODALITY = {"image": "vision", "text": "language", "speech": "speech"}
_FILE = Path(__file__).with_name("cards.toml")


@dataclass(frozen=True)
class Facts:
    """One table of a file. What is not known is None. `family` is of what the whole model was trained on.

    `training_size` counts what `training_unit` names: images, pairs, tokens, hours. Whatever else a card has may be
    overruled: `modality`, `objective`, `parameters`, `licence`, `citation`.
    """

    architecture: str | None = None
    lineage: str | None = None
    family: str | None = None
    year: int | None = None
    training_data: str | None = None
    training_size: float | None = None
    training_unit: str | None = None
    modality: str | None = None
    objective: str | None = None
    parameters: int | None = None
    licence: str | None = None
    citation: str | None = None

    def known(self) -> dict[str, Any]:
        """Those that are."""
        return {x.name: value for x in fields(self) if (value := getattr(self, x.name)) is not None}


Table = Mapping[str, Facts]  # by name or pattern


def read_facts(path: Path) -> dict[str, Facts]:
    """The tables of a file. Raises BadInput for one that is not there or no TOML, and for keys and values that cannot
    be."""
    if not path.is_file():
        raise BadInput("a file of model cards (TOML)", f"{path}, which is not there", "check the path")
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput("a file of model cards in TOML", f"{path}: {error}", "correct it there") from error
    return {name: _facts(path, name, table) for name, table in tables.items()}


def _facts(path: Path, name: str, table: Any) -> Facts:
    from pydantic import TypeAdapter, ValidationError

    if not isinstance(table, dict):
        raise BadInput(
            f'a table a model in {path}, such as ["{name}"]', f"{name} = {table!r}", "begin with one"
        )
    kinds = get_type_hints(Facts)
    for key, value in table.items():
        if key not in kinds:
            raise unknown(f"key of a model card ({path}, {name})", key, kinds)
        try:
            TypeAdapter(kinds[key]).validate_python(value, strict=True)
        except ValidationError as error:
            wanted = error.errors()[0]["msg"].removeprefix("Input should be ")
            raise BadInput(
                f"`{key}` of {name} in {path} as {wanted}", repr(value), "correct it there"
            ) from error
    found = Facts(**table)
    if found.family is not None and found.family not in FAMILIES:
        raise unknown(f"family ({path}, {name})", found.family, FAMILIES)
    if (found.training_size is None) != (found.training_unit is None):
        raise BadInput(
            f"both `training_size` and `training_unit` of {name} in {path}",
            "one of them",
            "say how much of what",
        )
    return found


def facts(name: str, own: Table | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is known of the model of that name: from our table, and from the user's `own`."""
    return _fitting(name, _shipped()), _fitting(name, own or {})


def told(name: str, card: Mapping[str, Any], own: Table | None = None) -> dict[str, Any]:
    """`card`, with what else is known: our table fills what it does not state, the user's overrules both.

    A model of which no family is known has that of its modality.
    """
    ours, theirs = facts(name, own)
    stated = {key: value for key, value in card.items() if value not in ("", None, "not stated")}
    found = {**card, **ours, **stated, **theirs}
    family = found.get("family") or OF_MODALITY.get(str(found.get("modality", "")))
    return {**found, "family": family} if family else found


def _fitting(name: str, tables: Table) -> dict[str, Any]:
    exact = tables.get(name)
    fits = exact or next((x for pattern, x in tables.items() if fnmatchcase(name, pattern)), None)
    return fits.known() if fits else {}


@cache
def _shipped() -> dict[str, Facts]:
    return read_facts(_FILE)
