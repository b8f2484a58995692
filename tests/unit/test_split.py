"""What a shop says later of a line that was split here is spread over its parts: free ones give, bought ones keep."""

import pytest

from autopurchase.domain.errors import BadInput
from autopurchase.domain.split import Part, Share, checked, divide, shares

FREE2, FREE3 = Part(2, 2, free=True), Part(3, 3, free=True)
BOOKED3 = Part(3, 3, free=False)
SENT3 = Part(3, 3, free=False, sent=True)
GONE2 = Part(2, 0, free=True, dead=True)
CANCELLED2 = Part(2, 2, free=True, dead=True)


@pytest.mark.parametrize(
    ("parts", "shop", "expected"),
    [
        ([FREE3, FREE2], (5, 5), [(3, 3), (2, 2)]),
        ([FREE3, FREE2], (7, 7), [(5, 5), (2, 2)]),
        ([BOOKED3, FREE2], (7, 7), [(3, 3), (4, 4)]),
        ([FREE3, FREE2], (4, 4), [(3, 3), (1, 1)]),
        ([FREE3, FREE2], (2, 2), [(2, 2), (0, 0)]),
        ([FREE3, CANCELLED2], (3, 3), [(3, 3), (0, 0)]),
        ([FREE3, GONE2], (3, 3), [(3, 3), (0, 0)]),
        ([FREE3, GONE2], (5, 5), [(5, 5), (0, 0)]),
        ([BOOKED3, GONE2], (5, 5), [(3, 3), (2, 2)]),
        ([Part(3, 0, free=True, dead=True), GONE2], (5, 5), [(3, 3), (2, 2)]),
        ([FREE3, BOOKED3], (3, 3), [(0, 0), (3, 3)]),
        # delivered: what was sent first, so that nothing to be bought is taken for delivered
        ([FREE2, SENT3], (5, 2), [(2, 2), (3, 0)]),
        ([FREE2, Part(3, 0, free=False, sent=True)], (5, 2), [(2, 2), (3, 0)]),
        ([FREE2, Part(3, 0, free=False, sent=True)], (5, 5), [(2, 2), (3, 3)]),
        ([FREE3, FREE2], (5, 4), [(3, 3), (2, 1)]),
        ([BOOKED3, FREE2], (5, 0), [(3, 0), (2, 0)]),
    ],
)
def test_the_parts_together_are_what_the_shop_says(
    parts: list[Part], shop: tuple[int, int], expected: list[tuple[int, int]]
) -> None:
    found = shares(parts, *shop)
    assert [(share.quantity, share.open_quantity) for share in found] == expected
    assert sum(share.quantity for share in found) == shop[0]
    assert sum(share.open_quantity for share in found) == shop[1]
    again = [
        Part(share.quantity or part.quantity, share.open_quantity, part.free, part.sent, not share.quantity)
        for share, part in zip(found, parts, strict=True)
    ]
    assert shares(again, *shop) == found, "the same word again changes nothing"


def test_what_is_bought_is_never_made_smaller_but_shown_as_surplus() -> None:
    assert shares([BOOKED3, FREE2], 2, 2) == [Share(3, 3, surplus=True), Share(0, 0)]
    assert shares([BOOKED3, BOOKED3], 4, 4) == [Share(3, 3), Share(3, 3, surplus=True)]


@pytest.mark.parametrize("parts", [[5], [5, 0], [2, 2], [3, 3], [6, -1]])
def test_parts_that_do_not_add_up_are_refused(parts: list[int]) -> None:
    with pytest.raises(BadInput, match="53-1"):
        checked("53-1", parts, 5)


def test_no_cent_is_lost() -> None:
    assert divide(1000, [1, 1, 1]) == [333, 333, 334]
    assert divide(5 * 1250, [3, 2]) == [3750, 2500]
    assert sum(divide(999, [7, 11, 13])) == 999
