"""The command as a whole: help, exit codes, messages."""

import signal
import subprocess
import sys
import time
from importlib import import_module

import click
import pytest

from autoloop.cli import COMMANDS, command
from autoloop.history.find import looked_for


def test_help_lists_every_command_and_imports_nothing_heavy(process, tmp_path):
    """`autoloop --help` names every command and stays fast."""
    code = (
        "import sys\nfrom autoloop.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'hydra', 'omegaconf', 'wandb', 'torch', 'joblib', 'yaml'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = process("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_that_begins_with_its_line_in_the_list(name):
    """The list of commands and the help of each say the same, and every option is described."""
    found = import_module(f"autoloop.cli.{name}").command
    assert found.help.splitlines()[0] == COMMANDS[name]
    commands = [found, *getattr(found, "commands", {}).values()]
    options = [p for one in commands for p in one.params if isinstance(p, click.Option)]
    assert all(option.help for option in options)


@pytest.mark.parametrize(
    "words, message",
    [
        (["analyse"], "Error: no command 'analyse'; did you mean 'analyze'?"),
        (["frobnicate"], "Error: no command 'frobnicate'; there are plan, adopt, resume, report,"),
        (["analyze", ".", "--metric", "x"], "No such option '--metric'"),
        (["analyze"], "Missing argument 'DIR | ENTITY/PROJECT'"),
        (["why", "nowhere", "1"], "Directory 'nowhere' does not exist"),
        (
            ["analyze", "nowhere"],
            "Error: there is no directory 'nowhere' (a project of W&B is read with --online)",
        ),
        (["analyze", ".", "--group", "x"], "Error: --group, --tag and --sampled need --online"),
        (["report", "."], "Error: no study in .: there is no study.jsonl"),
        (["replay", "."], "Error: there is no study here whose rules could be taken; name some with --rules"),
        (["replay", ".", "--rules", "act_to"], "Error: rules='act_to' is not known; did you mean 'act_ot'?"),
        (
            ["analyze", ".", "--metrics-from", "generel"],
            "metrics='generel' is not known; did you mean 'general'?",
        ),
        (["analyze", ".", "--metrics-from", "profile"], "only makes sense inside an app's config"),
        (["generate"], "Error: give one of --base-cfg, --from-wandb and --from-job"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_code_2(cli, tmp_path, monkeypatch, words, message):
    """A user's mistake: what is wrong, the nearest name, exit code 2, no traceback."""
    monkeypatch.chdir(tmp_path)
    done = cli(*words)
    assert done.exit_code == 2
    assert message in done.stderr and done.stdout == ""


def test_what_is_missing_outside_is_exit_code_1(cli, tmp_path):
    """A directory without runs is no wrong usage; the command was right."""
    done = cli("analyze", tmp_path)
    assert done.exit_code == 1
    assert done.stderr == f"Error: no run in {tmp_path} (looked for {looked_for()})\n"


def test_file_that_cannot_be_written_is_one_line(cli, tree):
    """The system's word for it, exit code 1."""
    (tree / "file").touch()
    done = cli("analyze", tree, "--json", tree / "file" / "o.json")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ") and len(done.stderr.splitlines()) == 1


def test_exit_codes_of_real_processes(process, tmp_path):
    """0 done, 1 failed, 2 wrong usage, as a shell sees them."""
    codes = {
        words: process("-m", "autoloop", *words, cwd=tmp_path).returncode
        for words in (("--version",), ("analyze", "."), ("why",))
    }
    assert codes == {("--version",): 0, ("analyze", "."): 1, ("why",): 2}


def test_interrupt_is_exit_code_130(tmp_path):
    """Ctrl-C ends a command without a traceback."""
    code = (
        "import time, click, autoloop.cli as cli\n"
        "group = cli.command()\n"
        "group.get_command = lambda ctx, name: click.Command('why', callback=wait)\n"
        "def wait():\n    print('waiting', flush=True)\n    time.sleep(60)\n"
        "group.main(['why'], prog_name='autoloop')"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "waiting\n"
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=20)
    assert (child.returncode, said) == (130, "interrupted\n")


def test_output_cut_short_by_a_reader_is_no_error(process, tree):
    """`autoloop analyze DIR | head -1` leaves no traceback."""
    code = (
        "import subprocess, sys\n"
        f"words = ['-m', 'autoloop', 'analyze', {str(tree)!r}, '--csv', '-']\n"
        "first = subprocess.Popen([sys.executable, *words],"
        " stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)\n"
        "first.stdout.close()\n"
        "sys.exit(first.stderr.read())"
    )
    done = process("-c", code, cwd=tree)
    assert "Traceback" not in done.stderr


def test_command_is_installed_under_its_name():
    """`[project.scripts]` names what exists."""
    assert isinstance(command(), click.Group)
    assert callable(import_module("autoloop.cli").main)
