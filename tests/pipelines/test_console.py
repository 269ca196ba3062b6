"""What is shown: plain lines in a log file, bars with rate and time left on a terminal."""

import io

import pytest

from consilience.pipelines import console as module
from consilience.pipelines.console import Console


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_a_log_file_gets_a_line_now_and_then_with_rate_and_time_left(clock: Clock) -> None:
    file = io.StringIO()
    with Console(file).watching() as progress:
        for i in range(101):
            progress("extract m", i * 10, 1000)
            clock.now += 0.4
    assert file.getvalue().splitlines() == [
        "extract m: 38 %, 25.0/s, 25 s left",
        "extract m: 76 %, 25.0/s, 10 s left",
        "extract m: 100 %, 25.0/s, 40 s",
    ]


def test_what_is_over_at_once_leaves_no_line(clock: Clock) -> None:
    file = io.StringIO()
    with Console(file).watching() as progress:
        for i in range(50):
            progress(f"permutation {i}", 0, 1)
            clock.now += 0.5
            progress(f"permutation {i}", 1, 1)
    assert file.getvalue() == ""


def test_a_stage_may_come_again(clock: Clock) -> None:
    file = io.StringIO()
    with Console(file).watching() as progress:
        for _ in range(2):
            progress("tiles", 0, 4e9)
            clock.now += 2
            progress("tiles", 4e9, 4e9)
    assert file.getvalue().splitlines() == ["tiles: 100 %, 2 s"] * 2


def test_a_terminal_gets_bars() -> None:
    file = io.StringIO()
    console = Console(file)
    console.rich._force_terminal = True
    console.rich.width = 100
    with console.watching() as progress:
        progress("extract m", 0, 10)
        progress("extract m", 5, 10)
        progress("extract m", 10, 10)
        progress("extract m", 2, 10)
    assert "extract m" in file.getvalue()
    assert " 20 %" in file.getvalue()


def test_a_table_has_its_numbers_on_the_right() -> None:
    file = io.StringIO()
    Console(file).table("Title", ("name", "n"), [("a", 5), ("long", 1234)])
    assert [x.rstrip() for x in file.getvalue().splitlines()] == [
        "Title",
        "name     n",
        "a        5",
        "long  1234",
    ]


def test_text_is_not_markup() -> None:
    file = io.StringIO()
    Console(file).say("models[0] [bold]")
    assert file.getvalue() == "models[0] [bold]\n"
