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


MINUTE = 60_000


def test_failures_fade_so_that_typos_over_weeks_never_add_up() -> None:
    throttle = LoginThrottle()
    now = 0
    for day in range(100):
        now = day * 24 * 60 * MINUTE
        for pupil in range(30):
            for _ in range(2):
                assert throttle.begin(f"pupil{pupil}", "school", now) is None
    assert throttle.begin("newcomer", "school", now) is None


def test_each_half_life_forgets_half() -> None:
    throttle = LoginThrottle({"both": Patience(4, 60, 300), "account": Patience(99, 1), "address": Patience(99, 1)})
    for _ in range(4):
        assert throttle.begin("ann", "home", 0) is None
    now = 5 * MINUTE
    assert [throttle.begin("ann", "home", now) for _ in range(4)] == [None, None, None, 1_000]


def test_a11_whoever_was_let_in_before_is_not_locked_out_by_others_at_the_address() -> None:
    throttle = LoginThrottle()
    assert throttle.begin("ann", "school", 0) is None
    throttle.succeeded("ann", "school")
    now = fail_many(throttle, 205)
    assert throttle.begin("stranger", "school", now) is not None
    for _ in range(10):
        assert throttle.begin("ann", "school", now) is None
        throttle.succeeded("ann", "school")


def fail_many(throttle: LoginThrottle, attempts: int, now: int = 0) -> int:
    """Try as many made-up accounts from one address, and return the time after it."""
    for number in range(attempts):
        now = fail(throttle, f"nobody{number}", "school", now, 1)
    return now


def test_a11_many_accounts_from_one_address_stay_slow_and_newcomers_wait_a_minute_at_the_most() -> None:
    throttle = LoginThrottle()
    before = fail_many(throttle, 300)
    passed, now = 0, before
    while now < before + 60 * MINUTE:
        wait = throttle.begin(f"guess{passed}", "school", now)
        assert wait is None or wait <= MINUTE
        passed += wait is None
        now += wait or 0
    assert passed < 1_500
    assert throttle.begin("newcomer", "school", now + 5 * MINUTE) is None


def test_a11_an_account_of_ones_own_does_not_help_to_guess_others() -> None:
    throttle = LoginThrottle()
    passed = 0
    for number in range(1_000):
        passed += throttle.begin(f"victim{number}", "school", 0) is None
        if throttle.begin("mallory", "school", 0) is None:
            throttle.succeeded("mallory", "school")
    assert passed <= 202


def test_a11_one_account_guessed_from_one_address_for_a_day_is_tried_a_few_hundred_times() -> None:
    throttle = LoginThrottle()
    now = passed = 0
    while now < 24 * 60 * MINUTE:
        wait = throttle.begin("ann", "mallory", now)
        passed += wait is None
        now += wait or 0
    assert passed < 500


def test_the_right_password_after_typos_takes_them_back_from_the_address_too() -> None:
    throttle = LoginThrottle(SLOW)
    for number in range(50):
        for _ in range(3):
            assert throttle.begin(f"pupil{number}", "school", 0) is None
        throttle.succeeded(f"pupil{number}", "school")
    assert throttle.begin("newcomer", "school", 0) is None


def test_the_pairs_that_were_let_in_are_bounded_and_no_flood_of_failures_pushes_them_out() -> None:
    throttle = LoginThrottle(SLOW, capacity=30)
    for number in range(100):
        throttle.begin(f"user{number}", "school", 0)
        throttle.succeeded(f"user{number}", "school")
    assert len(throttle._known) == 30
    for number in range(1_000):
        throttle.begin(f"nobody{number}", f"10.0.{number // 250}.{number % 250}", 0)
    fail_many(throttle, 30)
    assert throttle.begin("user99", "school", 0) is None
