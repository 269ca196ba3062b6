"""What a replica says of a shard that it has written."""

from dataclasses import dataclass

PHASES = ("load", "forward", "write")


@dataclass(frozen=True)
class Receipt:
    """What became of a shard: rows seen, bytes of features written, samples rejected, and where the time went.

    Seconds: `wait` of the replica before it was given the shard, `load` of the model until samples were read and
    preprocessed, `forward` in the model, `write`, and `seconds` of all but the wait. `began` is since 1970. `tokens`
    went through the model and are of samples, `padding` went through it beside them; both 0 where there are no tokens.
    `paid` tokens were asked of a model elsewhere. `notes` says what was noted, and of how many samples.
    """

    rows: int
    bytes: int
    rejects: int
    wait: float
    load: float
    forward: float
    write: float
    seconds: float
    began: float
    tokens: int = 0
    padding: int = 0
    paid: int = 0
    notes: tuple[tuple[str, int], ...] = ()
