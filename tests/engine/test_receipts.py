"""What is remembered of commands, and what is forgotten first."""

from homeroom.engine.receipts import Kept, Receipts


def kept(number: int) -> Kept:
    return Kept(number, b"d", 1, None)


def test_an_unknown_client_must_be_looked_up_unless_nothing_can_be_there() -> None:
    assert Receipts(9, 9, complete=False).newest("a") is None
    assert Receipts(9, 9, complete=True).newest("a") == 0


def test_the_newest_number_never_falls() -> None:
    receipts = Receipts(9, 9, complete=True)
    for number in (5, 3):
        receipts.remember("a", kept(number))
    assert receipts.newest("a") == 5
    assert receipts.find("a", 3) == kept(3)


def test_nothing_is_forgotten_before_the_turn_is_durable() -> None:
    receipts = Receipts(1, 1, complete=True)
    for client in "abc":
        for number in (1, 2):
            receipts.remember(client, kept(number))
    assert all(receipts.find(client, number) for client in "abc" for number in (1, 2))
    receipts.trim()
    assert (len(receipts), receipts.find("c", 1), receipts.find("c", 2)) == (1, None, kept(2))
    assert receipts.newest("a") is None


def test_the_client_not_seen_for_longest_is_forgotten_first() -> None:
    receipts = Receipts(2, 9, complete=False)
    for client in "abac":
        receipts.learn(client, 7)
    receipts.trim()
    assert [receipts.newest(client) for client in "abc"] == [7, None, 7]
