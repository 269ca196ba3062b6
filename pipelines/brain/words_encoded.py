"""What an encoding found, in sentences: where features explain something, and how much of what could be."""

from typing import TYPE_CHECKING

import numpy as np

from consilience.pipelines.brain.shown import LEVEL, follows, is_shown
from consilience.pipelines.brain.words_aligned import compared
from consilience.pipelines.report.numbers import fixed, probability

if TYPE_CHECKING:
    import xarray as xr


def encoded(table: "xr.Dataset") -> list[str]:
    """Every model, then every nuisance space by itself."""
    sentences = []
    nuisance = spaces_of(table, "nuisance")
    for space in spaces_of(table, "features"):
        one = table.sel(space=space)
        told = _explained(one, space, nuisance)
        if told is None:
            continue
        sentences.append(told)
        if "null" in table:
            sentences.append(_beside_shifted(one, space, nuisance))
        if "order_tau" in table and np.isfinite(one["order_tau"]):
            tau, p = float(one["order_tau"]), float(one["order_p"])
            numbers = f"tau {fixed(tau, 2)}, p {probability(p)} over subjects"
            sentences.append(follows(space, "layers chosen", tau, p, numbers))
    for region in table["region"].values:
        sentences += compared(table.sel(region=region))
    for space in nuisance:
        one = table.sel(space=space)
        region = _peak(one["r_mean"])
        if region is not None:
            at = one.sel(region=region)
            told = (
                f"predicts {region} best"
                if _found(at, "r")
                else f"is not shown to predict {region}, its highest"
            )
            sentences.append(f"{space} alone {told}: r {_numbers(at, 'r')}.")
    return sentences


def spaces_of(encoding: "xr.Dataset", kind: str) -> list[str]:
    """The spaces of an encoding that are ``features`` or ``nuisance``."""
    return [str(s) for s in encoding["space"].values[encoding["kind"].values == kind]]


def _explained(one: "xr.Dataset", space: str, nuisance: list[str]) -> str | None:
    """What a model explains, beyond nuisance where there is any; None where it has no score."""
    name, beyond = ("unique_r2", f" beyond {', '.join(nuisance)}") if nuisance else ("r", "")
    clear = [str(r) for r in one["region"].values if _found(one.sel(region=r), name)]
    region = _peak(one[f"{name}_mean"].sel(region=clear or one["region"].values))
    if region is None:
        return None
    at = one.sel(region=region)
    numbers = (
        f"{'R²' if nuisance else 'r on held-out rows'} {_numbers(at, name)}, q {probability(float(at[f'{name}_q']))} "
        "over all models and regions"
    )
    held = f"; by itself r {_numbers(at, 'r')}" if nuisance else ""
    verb = "explains variance" if nuisance else "predicts responses"
    if clear:
        most = f", most in {region}" if len(clear) > 1 else ""
        told = f"{space} {verb}{beyond} (q < {LEVEL} over subjects) in {', '.join(clear)}{most}"
    else:
        verb = "explain variance" if nuisance else "predict responses"
        told = f"{space} is not shown to {verb}{beyond} in any region (q < {LEVEL} over subjects); highest in {region}"
    return f"{told}: {numbers}{held}. {_reach(at)}"


def _beside_shifted(one: "xr.Dataset", space: str, nuisance: list[str]) -> str:
    """Whether more than by chance is explained in these subjects. R² of responses that have nothing to do with the
    features is below 0, so that one may be above chance and yet not above 0."""
    name, score = ("unique_r2_mean", "R²") if nuisance else ("r_mean", "r")
    clear = [str(r) for r in one["region"].values if float(one["null_q"].sel(region=r)) < LEVEL]
    region = str(one["region"].values[int(np.nanargmin(one["null_p"].values))])
    at = one.sel(region=region)
    numbers = (
        f"{score} {fixed(float(at[name]), 3)} against {fixed(float(at['null'].mean()), 3)} by chance, "
        f"p {probability(float(at['null_p']))}, q {probability(float(at['null_q']))}"
    )
    if clear:
        most = f", surest in {region}" if len(clear) > 1 else ""
        told = f"is above chance in {', '.join(clear)} (q < {LEVEL}){most}"
    else:
        told = f"is not shown to be above chance in any region (q < {LEVEL}); surest in {region}"
    return (
        f"Against responses shifted in time, {space} {told}: {numbers}. That speaks of these subjects alone."
    )


def _found(at: "xr.Dataset", name: str) -> bool:
    return is_shown(float(at[f"{name}_mean"]), float(at[f"{name}_q"]))


def _peak(values: "xr.DataArray") -> str | None:
    known = values.values
    return None if np.isnan(known).all() else str(values["region"].values[int(np.nanargmax(known))])


def _reach(at: "xr.Dataset") -> str:
    """The ceiling of r, and how much of it is reached."""
    who, share = int(at["bounded"]), float(at["normalised"])
    of = f"{who} of {at.sizes['subject']} subjects"
    if np.isfinite(at["ceiling"]).any():
        told = f"By repeats the ceiling of r is {fixed(float(at['ceiling'].mean()), 3)}"
        where = f"on average over the {of} whose repeats have one"
    elif np.isfinite(at["lower"]).any():
        lower, upper = (float(at[name].mean()) for name in ("lower", "upper"))
        told = f"The ceiling of r is {fixed(lower, 3)} to {fixed(upper, 3)}"
        where = f"(the lower) in the {of} in whom that is reliable"
        if not who:
            return f"{told}, but reliable in none of {at.sizes['subject']} subjects: no share of it is told."
    else:
        return "No ceiling is known."
    # A share of what is not shown to be above 0 would be read as one.
    return f"{told}; r is {100 * share:.0f} % of it {where}." if share > 0 and _found(at, "r") else f"{told}."


def _numbers(at: "xr.Dataset", name: str) -> str:
    mean, low, high = (float(at[f"{name}_{x}"]) for x in ("mean", "low", "high"))
    return (
        f"{fixed(mean, 3)} (95 % interval over subjects {fixed(low, 3)} to {fixed(high, 3)}, "
        f"p {probability(float(at[f'{name}_p']))})"
    )
