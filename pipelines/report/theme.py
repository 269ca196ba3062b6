"""The look that the report and the notebook figures share: type, ink, and the scale of colours."""

SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"

# Even steps of lightness in OKLCH (0.97 to 0.27), so that it reads alike under every colour vision and in
# grey; it never passes through a neutral grey, which is kept for cells without a value. On a dark page it
# runs the other way, so that what stands out from the page is always what is more alike.
SEQUENTIAL = (
    "#f6f6e5", "#d3e5bf", "#a8d4ac", "#79c2a3", "#49ae9f", "#17989b",
    "#057f92", "#056686", "#004e7b", "#0c356d", "#171e56",
)  # fmt: skip

LIGHT = {
    "page": "#fdfdfb", "panel": "#f5f5f0", "ink": "#1b2230", "soft": "#596273", "rule": "#dcddd6",
    "undefined": "#d5d5d5", "accent": "#056686", "warm": "#b1501f",
}  # fmt: skip
DARK = {
    "page": "#12151c", "panel": "#1a1e27", "ink": "#e6e7e3", "soft": "#9fa7b5", "rule": "#31363f",
    "undefined": "#3d4047", "accent": "#6cc0b4", "warm": "#e69a6b",
}  # fmt: skip


def scale(more_is_strong: bool, dark: bool = False) -> list[list[float | str]]:
    """Plotly's form of the scale; `more_is_strong` puts the colour furthest from the page at the largest value."""
    colours = SEQUENTIAL if more_is_strong != dark else SEQUENTIAL[::-1]
    return [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]


# Kinds of models on the map, told apart by lightness as well as by hue (after Okabe and Ito).
KINDS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")

KINDS_DARK = ("#56b4e9", "#e69f00", "#3cc79a", "#dd93bd", "#9fb7ff", "#f0e442")


def kind(i: int) -> str:
    """The colour of the i-th kind of model."""
    return KINDS[i % len(KINDS)]


def faint(depth: float) -> str:
    """The colour of one layer's thin line, from its depth in 0..1."""
    return SEQUENTIAL[2 + round(depth * (len(SEQUENTIAL) - 4))]


def band(dark: bool = False) -> str:
    """The fill of an error band around the warm line."""
    return "rgba(230, 154, 107, 0.22)" if dark else "rgba(177, 80, 31, 0.16)"
