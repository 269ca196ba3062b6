"""The words and tables of an audit's page."""

from typing import Any

from consilience.engine.audit import Audit
from consilience.engine.audit.agreement import brief, ways
from consilience.engine.audit.findings import RULES, statement
from consilience.pipelines.report.numbers import decimals, fixed, short


def words(audit: Audit) -> dict[str, Any]:
    """The template's context."""
    about = audit.about
    return {
        "title": f"{audit.names['x']} with {audit.names['y']}",
        "version": about["version"],
        "created": about["created"][:10],
        "seed": about["seed"],
        "seconds": about["seconds"],
        "dropped": {audit.names[side]: count for side, count in about["dropped"].items() if count},
        "n": audit.n,
        "d": audit.d,
        "names": audit.names,
        "findings": audit.findings,
        "scores": scores(audit),
        "no_room": bool((audit.agreement["score"].notnull() & audit.agreement["adjusted"].isnull()).any()),
        "sides": {side: dominance(audit, side) for side in "xy"},
        "size": {
            "repeats": audit.size.sizes["repeat"],
            "metrics": [brief(m) for m in audit.size["metric"].values],
        },
        "bias": bias(audit),
        "wide": [side.upper() for side in "xy" if audit.bias["wide"].sel(side=side)],
        "rules": [
            (name, statement(rule), any(f.name == name for f in audit.findings)) for name, rule in RULES.items()
        ],
    }  # fmt: skip


def scores(audit: Audit) -> list[dict[str, Any]]:
    """A row of the table of scores for each metric, with both ways of a directed one."""
    found = audit.agreement
    rows = []
    for metric in found["metric"].values:
        one = found.sel(metric=metric)
        there = ways(one)
        rows.append(
            {
                "metric": metric,
                "title": str(one["title"].item()),
                "blindness": str(one["blindness"].item()),
                "family": str(one["family"].item()),
                "ways": [_score(one.sel(way=w), w if len(there) > 1 else "") for w in there],
            }
        )
    return rows


def _score(one: Any, way: str) -> dict[str, str]:
    value = {str(name): float(array) for name, array in one.data_vars.items()}
    digits = digits_of(value["se"])
    return {
        "way": way,
        "score": fixed(value["score"], digits),
        "se": fixed(value["se"], digits),
        "interval": f"{fixed(value['low'], digits)} to {fixed(value['high'], digits)}",
        "chance": short(value["null_mean"]),
        "z": short(value["z"]),
        "calibrated": fixed(value["calibrated"], 3),
        "adjusted": fixed(value["adjusted"], 3),
    }


def dominance(audit: Audit, side: str) -> dict[str, Any]:
    """The leading units of one side, and what its spectrum comes to."""
    found = audit.dominance[side]
    units = [
        {
            "unit": int(unit),
            "share": percent(float(found["share"][unit])),
            "hsic_share": percent(float(found["hsic_share"][unit])),
            "cka_without": fixed(float(cka), digits_of(float(se))),
            "se": fixed(float(se), digits_of(float(se))),
        }
        for unit, cka, se in zip(*(found[name].values for name in ("listed", "cka_without", "se_without")))
    ]
    return {
        "units": units,
        "participation_ratio": short(float(found["participation_ratio"])),
        "first": percent(float(found["component_share"][0])),
        "standing_out": int(found["units_standing_out"]),
    }


def bias(audit: Audit) -> dict[str, str]:
    """The figures of both estimators, to three decimals: the difference of two scores of one sample has no error of its
    own."""
    found = audit.bias
    shown = {name: fixed(float(found[name]), 3) for name in ("biased", "unbiased", "difference", "null_mean")}
    return shown | {name: fixed(float(found[name]), 3) for name in ("se_biased", "se_unbiased")}


def percent(share: float) -> str:
    """A share in percent, to two decimals."""
    return f"{fixed(100 * share, 2)} %" if share >= 5e-5 else "< 0.01 %"


def digits_of(error: float) -> int:
    """Decimals that show two digits of `error`, as far as anybody reads."""
    return min(4, decimals(error))
