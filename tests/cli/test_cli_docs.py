"""docs/cli.md shows what the command does, and shows all of it."""

import pytest

from autoloop.cli import COMMANDS
from tests.cli.cli_docs import PAGE, examples, output_of, place, run_study

EXAMPLES = examples(PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def top(tmp_path_factory):
    """A directory with what the examples look at; they run in it one after the other."""
    top = tmp_path_factory.mktemp("docs")
    place(top)
    run_study(top)
    return top


@pytest.mark.parametrize("line, output", EXAMPLES, ids=[line for line, _ in EXAMPLES])
def test_example_prints_what_the_page_shows(top, line, output):
    """`python -m tests.cli.cli_docs` writes the page anew."""
    assert output_of(line, top) == output


def test_help_of_every_command_is_on_the_page():
    """No command without its help and an example."""
    lines = {line for line, _ in EXAMPLES}
    assert {f"$ autoloop {name} --help" for name in COMMANDS} <= lines
