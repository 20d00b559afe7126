"""Why a trainer failed: the cause, not the wrapper's word for it."""

from __future__ import annotations

import pytest

from autoloop.tasks.command.failure import failure_of

CAUSE = """\
INFO Creating dataset
Traceback (most recent call last):
  File "lerobot_train.py", line 9, in <module>
    main()
FileExistsError: Output directory out exists and resume is False.
"""
ACCELERATE = """\
Traceback (most recent call last):
  File "/venv/bin/accelerate", line 8, in <module>
    sys.exit(main())
  File "/venv/lib/python3.11/site-packages/accelerate/commands/launch.py", line 958, in simple_launcher
    raise subprocess.CalledProcessError(returncode=process.returncode, cmd=cmd)
subprocess.CalledProcessError: Command '['python', 'lerobot_train.py']' returned non-zero exit status {code}.
"""
SIGNAL = """\
Traceback (most recent call last):
  File "launch.py", line 958, in simple_launcher
subprocess.CalledProcessError: Command '['python', 'lerobot_train.py']' died with <Signals.SIGKILL: 9>.
"""
CHAINED = """\
Traceback (most recent call last):
  File "a.py", line 1
KeyError: 'lr'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3
draccus.utils.DecodingError: `batch_size`: Couldn't parse '12.0' into an int
  further words
"""
TORCHRUN = """\
[rank1]: Traceback (most recent call last):
[rank1]:   File "train.py", line 3, in <module>
[rank1]: RuntimeError: boom on rank 1
E1123 torch/distributed/elastic/multiprocessing/api.py:882] failed (exitcode: 1) local_rank: 1
Traceback (most recent call last):
  File "launch.py", line 1
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
train.py FAILED
  exitcode  : 1 (pid: 77)
============================================================
"""
USAGE = "usage: t.py [-h]\nt.py: error: unrecognized arguments: --foo\n"
GOT_OVER = CHAINED + "[end of what could not be loaded]\nFalling back to pyav\n"
FIELDS = "error: The fields `batch_sizes` are not valid for TrainPipelineConfig"

EXISTS = "FileExistsError: Output directory out exists and resume is False."
DECODING = "draccus.utils.DecodingError: `batch_size`: Couldn't parse '12.0' into an int further words"

CASES = [
    (1, CAUSE, EXISTS + " (exit code 1)", 1),
    (1, CAUSE + ACCELERATE.format(code=1), EXISTS + " (exit code 1)", 1),
    (1, "INFO step 7\n" + ACCELERATE.format(code=7), "INFO step 7 (exit code 7)", 7),
    (1, "INFO step 7\n" + SIGNAL, "the trainer was killed by SIGKILL", 137),
    (-9, "INFO step 7\n", "the trainer was killed by SIGKILL", 137),
    (-11, CAUSE, EXISTS + " (killed by SIGSEGV)", 139),
    (1, CHAINED, DECODING + " (exit code 1)", 1),
    (1, TORCHRUN, "RuntimeError: boom on rank 1 (exit code 1)", 1),
    (2, USAGE, "t.py: error: unrecognized arguments: --foo (exit code 2)", 2),
    (1, USAGE + ACCELERATE.format(code=2), "t.py: error: unrecognized arguments: --foo (exit code 2)", 2),
    (1, f"{GOT_OVER}{FIELDS}\n" + ACCELERATE.format(code=2), f"{FIELDS} (exit code 2)", 2),
    (1, USAGE + GOT_OVER + CAUSE, EXISTS + " (exit code 1)", 1),
    (3, "", "it printed nothing (exit code 3)", 3),
    (3, "something\n\n", "something (exit code 3)", 3),
]  # fmt: skip


@pytest.mark.parametrize(("returncode", "said", "message", "code"), CASES)
def test_the_cause_is_found(returncode, said, message, code):
    """The last exception or refusal before a wrapper's own, and the exit code that the wrapper hid."""
    failed = failure_of(returncode, said)
    assert str(failed).endswith(message)
    assert failed.exit_code == code


def test_a_profiles_pattern_comes_first():
    """A trainer that says in its own way why it failed is read by its profile."""
    said = "FATAL no demonstrations\nbye\n" + CAUSE
    assert str(failure_of(1, said, ["^FATAL"])) == "FATAL no demonstrations (exit code 1)"


@pytest.mark.parametrize("said", ["Traceback (most recent call last):\n  File x\nKeyError: 'a'\n"])
def test_no_exit_code_hides_the_cause(said):
    """Those that are no signal's neither, nor numbers that no process can end with."""
    for code in (*range(-64, 0), *range(1, 256)):
        assert str(failure_of(code, said)).startswith("KeyError: 'a' (")
    assert failure_of(1, f"{said}exitcode : {'9' * 5000}\n").exit_code == 1
