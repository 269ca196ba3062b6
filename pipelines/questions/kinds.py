"""What a model was trained for, in one word: cards say it in their own words, in which no two models would be alike."""

# The first that fits counts: a model may begin from another, as a sentence encoder from a masked language model.
WORDS = {
    "autoregressive": ("next-token", "next token", "autoregressive", "causal"),
    "contrastive": ("contrastive",),
    "masked": ("masked", "span corruption", "denoising"),
    "supervised": (
        "classif",
        "transcription",
        "verification",
        "recognition",
        "detection",
        "segmentation",
        "labels",
    ),
    "self-distillation": ("self-distillation",),
    "co-occurrence": ("co-occurrence",),
}


def kind(objective: str) -> str:
    """The kind of that objective; the words themselves where none fits, and nothing where it is not stated."""
    text = objective.lower()
    if text in ("", "not stated"):
        return ""
    if text.startswith("supervised"):
        return "supervised"
    return next((name for name, words in WORDS.items() if any(w in text for w in words)), objective)
