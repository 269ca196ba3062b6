"""What holds over models: intervals that cover with crossed models, and tests by all orders that there are."""

from functools import partial
from itertools import permutations, product

import numpy as np
import pytest
from made_up import flat
from scipy import stats

from consilience.pipelines.questions.agreement import agreement, spearman
from consilience.pipelines.questions.over_models import count, mean, orders, permuted


def crossed(rows: int, columns: int, seed: int) -> dict[tuple[str, str], float]:
    """Pairs of models whose scores have in common what each model brings; their mean over all models is 0."""
    rng = np.random.default_rng(seed)
    a, b, both = rng.normal(size=rows), rng.normal(size=columns), 0.5 * rng.normal(size=(rows, columns))
    return {(f"a{i}", f"b{j}"): a[i] + b[j] + both[i, j] for i, j in product(range(rows), range(columns))}


def test_a_mean_over_pairs_has_the_errors_of_both_sides() -> None:
    values = crossed(4, 3, 0)
    found, table = mean(values), np.array(list(values.values())).reshape(4, 3)
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    # The jackknife of a mean of equal parts is its textbook error.
    se = np.sqrt(rows.var(ddof=1) / 4 + columns.var(ddof=1) / 3)
    half = stats.t.ppf(0.975, 2) * se
    assert found.value == pytest.approx(table.mean())
    assert (found.se, found.low, found.high) == pytest.approx((se, found.value - half, found.value + half))
    assert np.isnan(mean(crossed(5, 2, 0)).low), "two models tell nothing of others"
    assert np.isnan(mean({}).value)


def test_its_interval_holds_the_truth_as_often_as_it_says() -> None:
    for rows, columns in ((4, 6), (3, 3)):
        held = [(x := mean(crossed(rows, columns, seed))).low <= 0 <= x.high for seed in range(500)]
        assert np.mean(held) >= 0.93
    # Pairs as if they were independent would be far too sure.
    wrong = []
    for seed in range(500):
        v = np.array(list(crossed(4, 6, seed).values()))
        wrong.append(abs(v.mean()) <= stats.t.ppf(0.975, 23) * v.std(ddof=1) / np.sqrt(24))
    assert np.mean(wrong) < 0.75


def test_orders_within_strata_are_all_of_them_and_no_others() -> None:
    found = [tuple(x) for x in orders([0, 1, 0, 1, 0])]
    want = {tuple(np.array(p)) for p in permutations(range(5)) if all(p[i] % 2 == i % 2 for i in range(5))}
    assert found[0] == (0, 1, 2, 3, 4)
    assert len(found) == len(set(found)) == count([0, 1, 0, 1, 0]) == 12
    assert set(found) == want


def test_p_is_the_share_of_orders_at_least_as_good() -> None:
    x, y = np.arange(5.0), np.array([0.1, 0.4, 0.2, 0.9, 0.5])
    found = permuted(lambda order: float(x[order] @ y), [0] * 5)
    draws = np.array([x[list(p)] @ y for p in permutations(range(5))])
    assert (found.p, found.least, found.orders) == (np.mean(draws >= x @ y - 1e-12), 1 / 120, 120)
    many = permuted(lambda order: float(order[0] == 0), [0] * 9)
    assert many.least == 1 / 1000
    assert many.p == pytest.approx(1 / 9, abs=0.04)


def _product(x: np.ndarray, y: np.ndarray, order: np.ndarray) -> float:
    return float(x[order] @ y)


def test_it_is_uniform_where_nothing_is_there() -> None:
    rng, x = np.random.default_rng(3), np.arange(6.0)
    p = []
    for _ in range(150):
        y = rng.normal(size=6)
        p.append(permuted(partial(_product, x, y), [0] * 6).p)
    assert flat(np.array(p)) > 0.01


def tables(m: int, seed: int, alike: float) -> tuple[np.ndarray, np.ndarray]:
    """Two symmetric tables of pairs in which every model brings its own part, `alike` in both."""
    rng = np.random.default_rng(seed)
    made = []
    first = rng.normal(size=m)
    for _ in range(2):
        of = alike * first + np.sqrt(1 - alike**2) * rng.normal(size=m)
        noise = 0.3 * rng.normal(size=(m, m))
        made.append(np.add.outer(of, of) + noise + noise.T)
    return made[0], made[1]


def test_a_rank_correlation_of_pairs_and_its_errors_over_models() -> None:
    one, other = tables(6, 0, 0.7)
    one[0, 3] = one[3, 0] = np.nan
    found = agreement(one, other)
    assert found is not None
    i, j = np.triu_indices(6, 1)
    there = np.isfinite(one[i, j])
    assert found.rho == pytest.approx(stats.spearmanr(one[i, j][there], other[i, j][there]).statistic)

    def without(k: int) -> float:
        kept = (i != k) & (j != k) & there
        return float(stats.spearmanr(one[i, j][kept], other[i, j][kept]).statistic)

    z = np.arctanh([without(k) for k in range(6)])
    se = np.sqrt(5 / 6 * ((z - z.mean()) ** 2).sum())
    half = stats.t.ppf(0.975, 5) * se
    ends = np.tanh(np.arctanh(found.rho) + np.array([-half, half]))
    assert (found.low, found.high) == pytest.approx(tuple(ends))
    draws = [spearman(one[np.ix_(p, p)], other) for p in map(list, permutations(range(6)))]
    assert found.p.p == pytest.approx(np.mean(np.array(draws) >= found.rho - 1e-12))
    assert agreement(one[:4, :4], other[:4, :4]) is None, (
        "four models have six pairs, all of which share models"
    )


def test_where_two_tables_share_nothing_its_p_is_uniform_though_pairs_share_models() -> None:
    p, wrong = [], []
    for seed in range(120):
        one, other = tables(5, seed, 0.0)
        found = agreement(one, other)
        assert found is not None
        p.append(found.p.p)
        i, j = np.triu_indices(5, 1)
        wrong.append(stats.spearmanr(one[i, j], other[i, j], alternative="greater").pvalue)
    assert flat(np.array(p)) > 0.01
    assert np.mean(np.array(wrong) < 0.05) > 0.08, "pairs as if they were independent are too sure"


def test_a_correlation_over_models_is_covered() -> None:
    """The rank correlation that many such models have."""
    one, other = tables(150, 1000, 0.8)
    true = spearman(one, other)
    held = [(x := agreement(*tables(8, seed, 0.8))) and x.low <= true <= x.high for seed in range(40)]
    assert np.mean(np.array(held, bool)) > 0.88
