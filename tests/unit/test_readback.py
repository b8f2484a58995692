"""What was asked for and what is there: the comparison after placing."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopurchase.domain.readback import Difference, Goods, Sums, Tolerance, compare, sentence

FIVE = Tolerance(Decimal("0.05"), 500)
NO_SUMS = (Sums(), Sums())


def goods(
    name: str = "53-1", item: str = "7", sku: str = "71", spec: str = "", quantity: int = 2, fen: int | None = 1000
) -> Goods:
    return Goods(name, item, sku, spec, quantity, fen)


def found(asked: list[Goods], said: list[Goods], tolerance: Tolerance = FIVE) -> list[tuple[str, int | str, int | str]]:
    return [(each.what, each.asked, each.said) for each in compare(asked, said, NO_SUMS, tolerance)]


def test_what_was_asked_fits() -> None:
    assert found([goods()], [goods("L1")]) == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], [("missing", 2, 0)]),
        ([goods("L1", quantity=3, fen=1500)], [("quantity", 2, 3)]),
        ([goods("L1", sku="72")], [("configuration", "71", "72")]),
        ([goods("L1", fen=1060)], [("price", 1000, 1060)]),
        ([goods("L1"), goods("L2", item="8", sku="81", quantity=4)], [("extra", 0, 4)]),
        ([goods("L1", item="8", sku="81")], [("missing", 2, 0), ("extra", 0, 2)]),
        ([goods("L1", sku="72"), goods("L2")], [("extra", 0, 2)]),
    ],
)
def test_each_difference_is_told_once(said: list[Goods], expected: list[tuple[str, int | str, int | str]]) -> None:
    assert found([goods()], said) == expected


def test_cheaper_and_inside_the_tolerance_fit() -> None:
    assert found([goods()], [goods("L1", fen=400)]) == []
    assert found([goods()], [goods("L1", fen=1052)]) == [], "five per cent, and unit prices are rounded to the fen"
    assert found([goods()], [goods("L1", fen=9000)], Tolerance(None, 500)) == [], "without a tolerance any price is"


def test_ids_that_cannot_be_compared_are_no_difference() -> None:
    assert found([goods(item="enc-1", sku="", spec="a")], [goods("L1", item="7", sku="9", spec="")]) == []


def test_lines_of_one_configuration_may_be_joined_or_parted() -> None:
    two = [goods("53-1", quantity=2, fen=1000), goods("54-1", quantity=3, fen=1500)]
    assert found(two, [goods("L1", quantity=5, fen=2500)]) == []
    assert found(two, [goods("L1", quantity=1, fen=500), goods("L2", quantity=4, fen=2000)]) == []
    assert compare(two, [goods("L1", quantity=4, fen=2000)], NO_SUMS, FIVE) == [
        Difference("quantity", ("53-1", "54-1"), 5, 4)
    ]


def test_freight_and_total() -> None:
    def sums(freight: int, total: int) -> list[str]:
        planned, now = Sums(1000, 11000), Sums(freight, total)
        return [each.what for each in compare([goods(fen=10000)], [goods("L1", fen=10000)], (planned, now), FIVE)]

    assert sums(1500, 11500) == []
    assert sums(1501, 11501) == ["freight"]
    assert sums(1000, 12001) == ["total"], "five per cent of the goods and the freight's tolerance"
    assert compare([goods()], [goods("L1")], (Sums(), Sums(9900, 99000)), FIVE) == [], "freight was not known before"


def test_all_of_it_in_one_sentence() -> None:
    told = sentence(compare([goods()], [goods("L1", fen=1300)], (Sums(0, 1000), Sums(900, 2200)), FIVE))
    assert told == (
        "Not as planned: 53-1: 10.00 CNY planned, 13.00 CNY there; freight 0.00 CNY planned, 9.00 CNY there; "
        "total 10.00 CNY planned, 22.00 CNY there."
    )


configurations = st.sampled_from([("7", "71"), ("7", "72"), ("8", "81"), ("8", "82")])
lines = st.builds(lambda it, pieces: goods(item=it[0], sku=it[1], quantity=pieces), configurations, st.integers(1, 4))


@given(st.lists(lines, max_size=5), st.randoms())
def test_the_same_goods_fit_in_any_order(asked: list[Goods], dice: random.Random) -> None:
    said = sorted(asked, key=lambda _: dice.random())
    assert compare(asked, said, NO_SUMS, Tolerance(None, 0)) == []
