import json

import numpy as np
import pytest

from condfoley.results.tables import Table, bootstrap, interval, number, percent, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (10, 20, 0.2993, 0.7007),  # (p + z2/2n -+ z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n), by hand
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I
        (15, 148, 0.0624, 0.1605),  # "
        (0, 20, 0.0, 0.1611),  # "
        (1, 29, 0.0061, 0.1718),  # "
    ],
)
def test_wilson_against_published_values(successes, trials, low, high):
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_wilson_edges():
    assert wilson(0, 0) == (0, 1) and wilson(5, 5)[1] == 1 and wilson(0, 5)[0] == 0
    with pytest.raises(ValueError, match="not possible"):
        wilson(3, 2)


def test_bootstrap_of_a_normal_sample_is_near_the_textbook_interval():
    rng = np.random.default_rng(0)
    values = rng.normal(5, 2, 400)
    half = 1.96 * values.std() / np.sqrt(400)
    low, high = bootstrap(values, rng)
    assert low == pytest.approx(values.mean() - half, abs=0.03)
    assert high == pytest.approx(values.mean() + half, abs=0.03)


def test_bootstrap_is_reproducible_and_has_a_stated_edge():
    a, b = (bootstrap([0.0, 1.0, 0.5], np.random.default_rng(4)) for _ in range(2))
    assert a == b and bootstrap([0.3], np.random.default_rng(0)) == pytest.approx((0.3, 0.3))
    with pytest.raises(ValueError, match="at least one"):
        bootstrap([], np.random.default_rng(0))


def test_a_table_in_both_forms():
    table = Table("T", ("what", "mean"), (("a", "0.5"), ("bcdef", "10.25")), ("a note",))
    assert table.text().splitlines()[2:] == [
        "what    mean",
        "------------",
        "a        0.5",
        "bcdef  10.25",
        "------------",
        "a note",
    ]
    assert "| what | mean |\n|---|---:|\n| a | 0.5 |" in table.markdown()
    assert json.loads(json.dumps(table.to_dict()))["rows"][1] == ["bcdef", "10.25"]
    with pytest.raises(ValueError, match="2 cells"):
        Table("T", ("a", "b"), (("1",),))


def test_number_formats():
    assert (number(0.456), number(None), interval(0.1, 0.25), percent(0.756)) == (
        "0.46",
        "-",
        "0.10 .. 0.25",
        "76 %",
    )
