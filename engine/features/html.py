"""How a feature table draws itself in a notebook."""

from html import escape
from typing import TYPE_CHECKING

from consilience.engine.features.schema import FEATURES

if TYPE_CHECKING:
    from consilience.engine.features.table import FeatureTable

_REASONS = 10


def table_html(table: "FeatureTable") -> str:
    """A heading, the layers, and the rejected samples with their reasons (folded)."""
    size = sum(part["bytes"] for part in table.manifest["parts"])
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{info.dim if info.kind == FEATURES else info.kind}</td><td>{info.dtype}</td>"
        f"<td>{table.manifest['layers'][name]['total_variance']:.4g}</td></tr>"
        for name, info in table.layers.items()
    )
    return (
        f"<div><strong>{escape(table.model)}</strong> on <strong>{escape(table.stimuli)}</strong>: "
        f"{table.n:,} samples, {size / 1e6:,.1f} MB, <code title='{table.digest}'>{table.digest[:12]}</code>"
        f"<details{' open' if len(table.layers) <= 12 else ''}><summary>{len(table.layers)} layers</summary>"
        f"<table><thead><tr><th>layer</th><th>units</th><th>dtype</th><th>total variance</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></details>{_rejected_html(table)}</div>"
    )


def _rejected_html(table: "FeatureTable") -> str:
    total = table.manifest["rejected"]
    if not total:
        return ""
    shown = table.rejected.slice(0, _REASONS).to_pylist()
    items = "".join(f"<li><code>{escape(r['sample_id'])}</code>: {escape(r['reason'])}</li>" for r in shown)
    more = f"<li>and {total - len(shown)} more</li>" if total > len(shown) else ""
    return f"<details><summary>{total} rejected</summary><ul>{items}{more}</ul></details>"
