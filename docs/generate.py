"""Writes the generated pages: ``python docs/generate.py [--check]``.

docs/edits.md comes from the compliance cases of the edit language; docs/settings.md, and the comments of the
settings in conf/config.yaml, come from the table of settings.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from autoloop.config.knobs import SECTION, SHARED, SLOTS, SLURM, SWEEPER, Setting
from autoloop.edits import OPS, change
from autoloop.errors import AutoloopError

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests" / "edits" / "compliance"
PAGE = ROOT / "docs" / "edits.md"
SETTINGS = ROOT / "docs" / "settings.md"
CONFIG = ROOT / "conf" / "config.yaml"

INTRO = """\
<!-- Made by docs/generate.py of tests/edits/compliance/*.yaml; change those and run it again. -->
# Edits

An edit changes values that are already in a config: `path@op=value`.
It works on any nested config, supports lists and wildcards, and keeps types.
It becomes ordinary Hydra overrides.

    ot.loss_config.features.*.weight_label@mul=0.5
    path                                   op  value

{ops}

Everything below is run as a test; the tables show what the code does.

## Where edits are written

On the command line of `autoloop.train`, single edits change the baseline and comma lists make variants:

    python -m autoloop.train -m hydra/sweeper=autoloop ot.lambda_ot@set=0.12 'ot.loss_config.reg@mul=1.5,2.0'

In any other Hydra app, an edit on the command line never reaches a sweeper, because Hydra's lexer refuses it.
There, give the same edits as settings of the sweeper:

    'hydra.sweeper.edits=["ot.lambda_ot@set=0.12"]'
    'hydra.sweeper.variants={{wide:{{ot.window_size@max:20}}}}'
    '+hydra.sweeper.variants.wide={{ot.window_size@max:20}}'

or put them into a YAML file of a config group, `variants/mine.yaml`, chosen by `+variants=mine`:

```yaml
# @package hydra.sweeper.variants
wide:
  ot.window_size@max: 20
strong:
  reason: the plan holds too little mass
  edits:
    - ot.loss_config.reg@mul=1.5
    - ot.lambda_ot@set=0.12
```

Rules propose edits in the same language.
In a shell, put single quotes around anything that contains `*`, `{{`, `'` or a space.
"""

PYTHON = """\
## In Python

```python
>>> from autoloop.edits import apply, change, expand, parse_edit
>>> config = {"batch_size": 8, "ot": {"lambda_ot": 0.12}}
>>> apply(["batch_size@mul=1.4"], config)
{'batch_size': 11, 'ot': {'lambda_ot': 0.12}}
>>> expand(["ot.lambda_ot@add=-0.05"], config)
['ot.lambda_ot=0.07']
>>> found = change(["batch_size@mul=1.4"], config, bounds={"batch_size": (1, 10)})
>>> found.config["batch_size"], found.changes
(10, (ValueChange(path='batch_size', old=8, new=10),))
>>> for note in found.notes:
...     print(note)
batch_size: 11.2 rounded to 11 (an int stays an int)
batch_size: 11 clipped to 10 (its upper bound)
>>> str(parse_edit("ot.lambda_ot@set=1e-1"))
'ot.lambda_ot@set=0.1'

```

`change(..., skip=(NoMatchError, NoChangeError))`, both from `autoloop.errors`, leaves out edits that do not
apply and says so in `notes` instead of raising an error.
"""


SETTINGS_INTRO = """\
<!-- Made by docs/generate.py of autoloop/config/knobs.py; change that and run it again. -->
# Settings

There are three places for a setting. They mean the same:

| place | example |
|---|---|
| command line of `python -m autoloop.train` | `rounds=3 gpus=[0,1]` |
| command line of any other Hydra app | `hydra.sweeper.rounds=3 hydra.launcher.gpus=[0,1]` |
| config file of any other Hydra app | below `autoloop:`, as here |

```yaml
autoloop:
  rounds: 3
  gpus: [0, 1]
```

A key at the top of your app's config is your app's own, whatever its name.
A `rounds: 50` or `gpus: 1` there is part of what a job does, and edits may change it.

`autoloop.train` has settings at the top because its [conf/config.yaml](../conf/config.yaml) refers to them
below `autoloop:`. Your app may do the same:

```yaml
rounds: 3
autoloop:
  rounds: ${{rounds}}
```

Such a key then belongs to the study, and may change when the study continues.

Keys that your config files set below `hydra.sweeper` or `hydra.launcher` for another plugin, such as
`cpus_per_task` or `storage`, are ignored; the first lines of the log name each of them with the setting to
use.
On the command line such a key is an error.

If a setting is given nowhere, or is null, its default holds.
Settings that name a file or hold its content are an exception. There null means empty:
`hydra.sweeper.rules=null` has no rules.

## All settings

"the same": `autoloop.train` has no short form; write the second column there too.
An asterisk (*) marks settings that cannot stand below `autoloop:` in a config file.
"(slots)" and "(slurm)" mark settings that only this launcher has, or that mean something else there.
"(here ...)" in the column of defaults is the default of `autoloop.train`, if it has another.

| `autoloop.train` | any Hydra app | takes | default | what it does |
|---|---|---|---|---|
{rows}
"""

#: A knob of conf/config.yaml with what is said of it.
_KNOB_LINE = re.compile(r"^(?P<set>(?P<name>\w+):[^#\n]*?) *(?:#.*)?$", re.MULTILINE)
_COMMENT_AT = 24
_SECTION_OF_CONFIG = re.compile(rf"(?<=^{SECTION}:\n)(?:  .*\n)+", re.MULTILINE)


def main(argv: list[str] | None = None) -> int:
    """Write what is made, or with ``--check`` say whether it is current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if something is not current"
    )
    check = parser.parse_args(argv).check
    made = {PAGE: page(), SETTINGS: settings_page(), CONFIG: config_file(CONFIG.read_text(encoding="utf-8"))}
    return max([_bring(path, new, check) for path, new in made.items()])


def _bring(path: Path, new: str, check: bool) -> int:
    """Write a file where it differs, or say how, and return 1."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if old == new or not check:
        if old != new:
            path.write_text(new, encoding="utf-8")
        return 0
    lines = old.splitlines(True), new.splitlines(True)
    sys.stdout.writelines(difflib.unified_diff(*lines, f"{path.name} as it is", "as it should be", n=0))
    return 1


def settings_page() -> str:
    """Return the page of all settings: one table, with both spellings of each."""
    top = _top_values(yaml.safe_load(CONFIG.read_text(encoding="utf-8")))
    plugins = {"hydra.sweeper": [("", SWEEPER)], "hydra.launcher": [("slots", SLOTS), ("slurm", SLURM)]}
    rows = [_knob_row(owner, *row, top) for owner, tables in plugins.items() for row in _knobs(tables)]
    return SETTINGS_INTRO.format(rows="\n".join(rows))


def _top_values(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings at the top of ``autoloop.train``'s config, with their values there."""
    groups = {
        name: file for entry in config["defaults"] if isinstance(entry, dict) for name, file in entry.items()
    }
    return {name: {**groups, **config}[name] for name in at_top(config)}


def _knobs(tables: Sequence[tuple[str, Sequence[Setting]]]) -> Iterator[tuple[Setting, str]]:
    """Yield each setting with the plugins that have it, "" for one of all; what reads alike is one row."""
    found: dict[tuple[str, str], tuple[Setting, list[str]]] = {}
    for plugin, knobs in tables:
        for knob in knobs:
            found.setdefault((knob.name, knob.about), (knob, []))[1].append(plugin)
    for knob, plugins in found.values():
        yield knob, "" if len(plugins) == len(tables) else plugins[0]


def _knob_row(owner: str, knob: Setting, plugin: str, top: Mapping[str, Any]) -> str:
    of_train = f"`{knob.name}`" if knob.shared and knob.name in top else "the same"
    mark = "" if knob.shared else " *"
    about = f"({plugin}) {knob.about}" if plugin else knob.about
    cells = [of_train, f"`{owner}.{knob.name}`{mark}", str(knob.kind), _default(knob, top), about]
    return f"| {' | '.join(cell.replace('|', ', ') for cell in cells)} |"


def _default(knob: Setting, top: Mapping[str, Any]) -> str:
    """Return a setting's default, and that of ``autoloop.train`` if it has another."""
    own = "`[]`" if knob.default == () else f"`{_one_word(knob.default)}`"
    here = top.get(knob.name, knob.default) if knob.shared else knob.default
    return own if here == knob.default or isinstance(here, Mapping) else f"{own} (here `{_one_word(here)}`)"


def _one_word(value: Any) -> str:
    return str(yaml.safe_dump(value).splitlines()[0])


def config_file(text: str) -> str:
    """Return conf/config.yaml with what is said of knobs, and where they are looked for, from the table.

    Args:
        text: The file as it is: which knobs it has and their values stay.
    """
    section = "".join(f"  {name}: ${{{name}}}\n" for name in at_top(yaml.safe_load(text)))
    return _SECTION_OF_CONFIG.sub(lambda _: section, _KNOB_LINE.sub(_knob_line, text))


def at_top(config: Mapping[str, Any]) -> list[str]:
    """Return the shared knobs that an app has at its top, those that are config groups first."""
    groups = [group for entry in config["defaults"] if isinstance(entry, dict) for group in entry]
    return [name for name in (*groups, *config) if name in SHARED]


def _knob_line(found: re.Match[str]) -> str:
    knob = SHARED.get(found["name"])
    return found[0] if knob is None else f"{found['set']:<{_COMMENT_AT - 1}} # {knob.about}"


def page() -> str:
    """Return the whole reference page."""
    ops = [
        "| op | every matching value |",
        "|---|---|",
        *(f"| `@{op}` | {does} |" for op, does in OPS.items()),
    ]
    sections = [
        section(yaml.safe_load(path.read_text(encoding="utf-8"))) for path in sorted(CASES.glob("*.yaml"))
    ]
    return "\n".join([INTRO.format(ops="\n".join(ops)), *sections, PYTHON])


def section(content: dict[str, Any]) -> str:
    """Return the part of the page that one file of cases makes."""
    cases = [case for case in content["cases"] if "doc" in case]
    given = content.get("given")
    lines = [f"## {content['title']}", "", content["about"]]
    if "given" in content:
        lines += ["With this config:", "", "```yaml", show_config(content["given"]).rstrip(), "```", ""]
    if "given_file" in content:
        given = json.loads((ROOT / "tests" / "data" / content["given_file"]).read_text(encoding="utf-8"))
    shown = [row for case in cases if "error" not in case for row in case_rows(case, given)]
    if shown:
        lines += [*_header(cases[0]), *shown, ""]
    mistakes = (line for case in cases if "error" in case for line in error_lines(case, given))
    return "\n".join([*lines, *mistakes])


def show_config(config: dict[str, Any]) -> str:
    """Return a config as YAML, inner values on one line."""
    text: str = yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=100)
    return text


def _header(case: dict[str, Any]) -> list[str]:
    if "edits" in case:
        return ["| | edits | Hydra overrides | reported |", "|---|---|---|---|"]
    written = "words" if "sweep" in case else "written"
    return [f"| | {written} | variant | edits |", "|---|---|---|---|"]


def case_rows(case: dict[str, Any], given: Any) -> Iterator[str]:
    """Yield the table rows of a case that works."""
    if "edits" in case:
        found = change(case["edits"], case.get("given", given), case.get("bounds"))
        extras = [f"{key}: {one_line(case[key])}" for key in ("given", "bounds") if key in case]
        yield _row(case["doc"], [*case["edits"], *extras], found.overrides or ["(none)"], found.notes)
        return
    written = case["sweep"] if "sweep" in case else [one_line(case["variants"])]
    for index, entry in enumerate(case["entries"]):
        first = index == 0
        yield _row(case["doc"] if first else "", written if first else [], [entry["name"]], entry["edits"])


def _row(doc: str, *cells: Any) -> str:
    """Return one table row; every text of a cell becomes a line of code in it."""
    return " | ".join([f"| {doc}", *("<br>".join(_code(text) for text in cell) for cell in cells)]) + " |"


def _code(text: str) -> str:
    escaped = text.replace("|", "\\|")
    return f"`{escaped}`"


def one_line(value: Any) -> str:
    """Return a value as YAML on one line."""
    text: str = yaml.safe_dump(value, sort_keys=False, default_flow_style=True, width=10_000)
    return text.strip()


def error_lines(case: dict[str, Any], given: Any) -> Iterator[str]:
    """Yield what a user sees of a mistake."""
    try:
        change(case["edits"], case.get("given", given), case.get("bounds"))
    except AutoloopError as error:
        yield from [f"{case['doc']}:", "", "```text", *str(error).splitlines(), "```", ""]


if __name__ == "__main__":
    sys.exit(main())
