"""Every number of a signal has a name, and every name its number."""

import signal

import pytest

from autoloop.engine.execute.signals import signal_name, signal_number
from autoloop.engine.slurm.engine import ending
from autoloop.tasks.command.failure import failure_of

ERROR = "Traceback (most recent call last):\n  File 'x'\nValueError: no such robot\n"


@pytest.mark.parametrize("number", range(1, signal.NSIG))
def test_a_signal_is_found_again_by_its_name(number):
    assert signal_number(signal_name(number)) == number


@pytest.mark.parametrize("name", ["", "SIGNONE", "signal", "signal x", "default_int_handler", "SIG_DFL"])
def test_what_names_no_signal_has_no_number(name):
    assert signal_number(name) == 0


def test_slurm_s_word_for_a_signal_is_ours():
    assert ending({"ExitCode": "0:9"}) == (None, "SIGKILL")
    assert ending({"ExitCode": "0:42"}) == (None, "signal 42")


@pytest.mark.parametrize("code", range(256))
def test_no_exit_code_hides_why_a_trainer_failed(code):
    failure = failure_of(code, ERROR)
    assert "no such robot" in str(failure) and failure.exit_code == code


def test_a_trainer_s_own_exit_code_is_told_from_a_signal():
    assert str(failure_of(160, ERROR)).endswith("(exit code 160)")
    assert str(failure_of(137, ERROR)).endswith("(killed by SIGKILL)")
    assert str(failure_of(-42, ERROR)).endswith("(killed by signal 42)")
