"""Growing waits for those who try passwords (A11)."""

from homeroom.http.throttle import LoginThrottle, Patience

SLOW = {"both": Patience(3, 60), "account": Patience(6, 30), "address": Patience(10, 120)}


def fail(throttle: LoginThrottle, account: str, address: str, now: int, times: int) -> int:
    """Fail so often, waiting as long as told, and return the time after it."""
    for _ in range(times):
        wait = throttle.begin(account, address, now)
        while wait is not None:
            now += wait
            wait = throttle.begin(account, address, now)
    return now


def test_the_first_attempts_need_not_wait() -> None:
    throttle = LoginThrottle(SLOW)
    assert [throttle.begin("ann", "1.1.1.1", 0) for _ in range(3)] == [None] * 3


def test_waits_double_up_to_the_longest() -> None:
    throttle = LoginThrottle(SLOW | {"account": Patience(99, 1), "address": Patience(99, 1)})
    now, waits = 0, list[int]()
    fail(throttle, "ann", "1.1.1.1", now, 3)
    for _ in range(8):
        assert throttle.begin("ann", "1.1.1.1", now) is None
        wait = throttle.begin("ann", "1.1.1.1", now) or 0
        waits.append(wait)
        now += wait
    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]


def test_an_attempt_counts_when_it_begins_so_that_many_at_once_do_not_pass() -> None:
    throttle = LoginThrottle(SLOW)
    assert sum(throttle.begin("ann", "1.1.1.1", 0) is None for _ in range(1_000)) == 4


def test_success_wipes_the_slate_of_the_account() -> None:
    throttle = LoginThrottle(SLOW)
    for _ in range(50):
        assert throttle.begin("ann", "1.1.1.1", 0) is None
        throttle.succeeded("ann", "1.1.1.1")


def test_others_at_the_same_address_are_not_held_up_by_one_account() -> None:
    throttle = LoginThrottle(SLOW)
    fail(throttle, "ann", "1.1.1.1", 0, 4)
    assert throttle.begin("ann", "1.1.1.1", 0) is not None
    assert throttle.begin("bob", "1.1.1.1", 0) is None


def test_one_account_tried_from_many_addresses_waits_but_not_for_long() -> None:
    throttle = LoginThrottle(SLOW)
    waits = [throttle.begin("ann", f"1.1.1.{number}", 0) for number in range(20)]
    assert waits[:7] == [None] * 7
    assert all(wait == 1_000 for wait in waits[7:])


def test_one_address_that_tries_many_accounts_waits() -> None:
    throttle = LoginThrottle(SLOW)
    waits = [throttle.begin(f"user{number}", "1.1.1.1", 0) for number in range(20)]
    assert waits[:11] == [None] * 11
    assert all(wait is not None for wait in waits[11:])


def test_what_is_remembered_is_bounded() -> None:
    throttle = LoginThrottle(SLOW, capacity=30)
    for number in range(1_000):
        throttle.begin(f"user{number}", f"10.0.{number // 250}.{number % 250}", 0)
    assert len(throttle._slates) <= 30
