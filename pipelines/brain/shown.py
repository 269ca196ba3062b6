"""What a test lets be said: an effect is found only where it lies on the side asked about and its p is small."""

LEVEL = 0.05


def is_shown(effect: float, p: float) -> bool:
    """Whether a one-sided test shows an effect above 0."""
    return effect > 0 and p < LEVEL


def claim(effect: float, p: float, *, shown: str, undecided: str, contrary: str) -> str:
    """Of the three the one that `effect` and its one-sided p bear out; NaN bears out nothing."""
    if is_shown(effect, p):
        return shown
    return contrary if effect <= 0 else undecided


def follows(name: str, layers: str, tau: float, p: float, numbers: str) -> str:
    """Whether the `layers` of a model lie the deeper, the later the region."""
    verb = claim(
        tau, p, shown="follow the hierarchy", undecided="are not shown to follow the hierarchy",
        contrary="do not follow the hierarchy",
    )  # fmt: skip
    return f"{name}: {layers} {verb} ({numbers})."
