"""``PLACE#PART``: a place, and which parts of it are meant."""

from collections.abc import Mapping
from pathlib import Path

from consilience.engine.errors import BadInput, unknown


def divided(argument: str | Path) -> tuple[str, str]:
    """The place and what stands after its last ``#``; a path that exists is a place, whatever it holds."""
    argument = str(argument)
    if "#" not in argument or Path(argument).expanduser().exists():
        return argument, ""
    place, _, part = argument.rpartition("#")
    return place, part


def titled(stem: str, part: str) -> str:
    """The name of a set of which a part is meant: it names the set's tables, and tells two parts apart."""
    return f"{stem}#{part}" if part else stem


def a_part_each_view(views: Mapping[str, str], part: str, kind: str, where: str) -> dict[str, str]:
    """View -> the one of its parts that is meant.

    `views` are the parts that can be shown, with their views; `part` names some of them (``image,caption``), or none:
    then all are meant, where there is one a view. `kind` is what a part is called.

    Raises BadInput for a part that is not there, for two of one view, and where there is nothing to be shown.
    """
    known = ", ".join(f"{name} ({view})" for name, view in views.items())
    if not views:
        raise BadInput(f"a {kind} of pictures, sounds or texts in {where}", "none", "choose another file")
    named = [x.strip() for x in part.split(",")] if part else list(views)
    chosen: dict[str, str] = {}
    for name in named:
        if name not in views:
            raise unknown(f"{kind} of {where} that can be shown", name, views)
        if views[name] in chosen:
            raise BadInput(
                f"one {kind} a view of {where}",
                f"{chosen[views[name]]} and {name}, both {views[name]}; there are {known}",
                f"name those that are meant, as in #{name}",
            )
        chosen[views[name]] = name
    return chosen
