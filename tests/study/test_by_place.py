"""Numbers by place: as a dict of tuples, in less memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autoloop.study.by_place import ByPlace
from autoloop.study.run_dirs import RunDirs

NUMBERS = st.one_of(st.integers(0, 5), st.integers(), st.just(2**63 - 1), st.just(2**63))


@given(st.lists(st.tuples(st.integers(0, 9), st.one_of(st.none(), NUMBERS))))
def test_it_has_what_was_added_and_not_dropped(steps: list[tuple[int, int | None]]) -> None:
    """Whatever numbers a journal has; a copy keeps what it had."""
    found, expected = ByPlace(), dict[int, tuple[int, ...]]()
    for place, number in steps:
        before, had = found.copy(), dict(expected)
        if number is None:
            found.drop(place)
            expected.pop(place, None)
        else:
            found.add(place, number)
            expected[place] = (*expected.get(place, ()), number)
        assert all(found.get(one) == expected.get(one, ()) for one in range(12))
        assert all(before.get(one) == had.get(one, ()) for one in range(12))
    assert found == found.copy()
    assert found.get(-1) == ()


@given(st.lists(st.tuples(st.integers(-2, 12), st.sampled_from(["", "3", "03", "12", "3/x", "٣", "-1"]))))
def test_directories_that_were_given_are_known(given_dirs: list[tuple[int, str]]) -> None:
    """Whether they are called by their job's number or not."""
    found, expected = RunDirs(), set[str]()
    for job, name in given_dirs:
        run_dir = name or str(job)
        before, had = found.copy(), set(expected)
        found.add(run_dir, job)
        expected.add(run_dir)
        names = {*map(str, range(-2, 14)), "03", "3/x", "٣", "9" * 5000, ""}
        assert {one for one in names if one in found} == names & expected
        assert {one for one in names if one in before} == names & had
    assert found == found.copy()
