import numpy as np

from nmn.generate.balance import Balance

COLORS = ("red", "green", "blue")


def test_an_answer_is_refused_while_it_leads() -> None:
    balance = Balance()
    assert balance.allows("exists", "yes", ("yes", "no"))
    balance.add("exists", "yes")
    assert not balance.allows("exists", "yes", ("yes", "no"))
    assert balance.allows("exists", "no", ("yes", "no"))
    balance.add("exists", "no")
    assert balance.allows("exists", "yes", ("yes", "no"))


def test_kinds_are_counted_apart() -> None:
    balance = Balance()
    balance.add("exists", "yes")
    assert balance.allows("count", "yes", ("yes", "no"))


def test_the_two_most_frequent_may_not_leave_the_others_far_behind() -> None:
    balance = Balance()
    for _ in range(26):
        balance.add("query", "red")
        balance.add("query", "green")
    assert not balance.allows("query", "red", (*COLORS, "gray", "cyan"))
    assert balance.allows("query", "blue", (*COLORS, "gray", "cyan"))


def test_answers_come_out_nearly_even_however_skewed_the_world() -> None:
    balance, random = Balance(), np.random.default_rng(0)
    given = dict.fromkeys(COLORS, 0)
    for _ in range(2000):
        answer = COLORS[int(random.choice(3, p=[0.9, 0.08, 0.02]))]
        if balance.allows("query", answer, COLORS):
            balance.add("query", answer)
            given[answer] += 1
    most, second, _ = sorted(given.values(), reverse=True)
    assert most <= 1.1 * second + 1
    assert most < 0.5 * sum(given.values())


def test_what_is_no_answer_or_the_only_one_is_never_allowed() -> None:
    balance = Balance()
    assert not balance.allows("count", "12", ("0", "1"))
    assert not balance.allows("query", "red", ("red",))
