"""Values that came with earlier versions are told from what a user changed; `python -m` notes new ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from autoloop.config.shipped import FILE, as_it_came_then, former_values, is_shipped_change
from tests.helpers.places import ROOT

GOLDEN = ROOT / "tests/golden/shipped_settings.yaml"
GROUPS = ("bounds", "metrics", "rules", "stop_rules", "strategy", "until")  # what a study's header has
EDITS = ("rules", "plateau", "edits")


def leaves(node: Any, keys: tuple[str, ...]) -> Iterator[tuple[list[str], Any]]:
    if isinstance(node, dict) and node:
        for key, item in node.items():
            yield from leaves(item, (*keys, str(key)))
    else:
        yield list(keys), node


def as_shipped() -> list[dict[str, Any]]:
    """The settings in the files of ``conf/``, each with its file and place."""
    return [
        {"file": f"{group}/{path.stem}", "place": place, "value": value}
        for group in GROUPS
        for path in sorted((ROOT / "conf" / group).glob("*.yaml"))
        for place, value in leaves(yaml.safe_load(path.read_text()) or {}, (group,))
        if "defaults" not in place and len(place) > 1
    ]


def by_place(entries: list[dict[str, Any]]) -> dict[tuple[str, ...], Any]:
    return {(entry["file"], *entry["place"]): entry["value"] for entry in entries}


def test_every_value_that_a_file_no_longer_has_is_known() -> None:
    """What the files said at the last look is what they say, or the command in `FILE` was forgotten."""
    assert by_place(yaml.safe_load(GOLDEN.read_text())) == by_place(as_shipped()), (
        "the files in conf/ say something else than before: python -m tests.config.test_shipped notes it, "
        "so that studies go on that were begun with the former values"
    )


def test_the_present_value_is_the_last_of_each_list() -> None:
    present = by_place(as_shipped())
    for entry in yaml.safe_load(FILE.read_text()):
        assert entry["values"][-1] == present.get((entry["file"], *entry["place"])), entry


def test_a_former_value_and_the_present_one_are_no_change_of_the_user() -> None:
    (history,) = former_values()[EDITS]
    former, present = history[0], history[-1]
    assert is_shipped_change(EDITS, former, present)
    for old, new in [
        (present, former),  # backwards: its user wrote that
        (former, ["lr@mul=0.9"]),
        (["lr@mul=0.9"], present),
        (former, None),  # the rule was switched off
    ]:
        assert not is_shipped_change(EDITS, old, new)


@pytest.mark.parametrize("section", [(), ("autoloop",)])
def test_a_config_is_told_from_others_with_the_values_that_came_then(section: tuple[str, ...]) -> None:
    """Whether they stand at its top or in the sweeper's section; what a user wrote stays as it is."""
    (history,) = former_values()[EDITS]

    def config(edits: Any, goals: Any) -> dict[str, Any]:
        inner = {"rules": {"plateau": {"edits": edits, "patience": 3}}, "metrics": {"goals": goals}}
        return {"lr": 1.0, **({section[0]: inner} if section else inner)}

    then = config(history[0], {"*acc*": "max"})
    assert as_it_came_then(config(history[-1], {}), then) == then
    own = config(["lr@mul=0.9"], {"*acc*": "min"})
    assert as_it_came_then(own, then) == own


def note_changes() -> None:
    """Add the values that the files in ``conf/`` have lost since the last look to the list, and look anew."""
    before, now = by_place(yaml.safe_load(GOLDEN.read_text())), by_place(as_shipped())
    text = FILE.read_text()
    head = [line for line in text.splitlines() if line.startswith("#")]
    entries = {(entry["file"], *entry["place"]): entry for entry in yaml.safe_load(text)}
    for place in {**before, **now}:
        if before.get(place) != now.get(place):
            new = {"file": place[0], "place": list(place[1:]), "values": [before.get(place)]}
            entries.setdefault(place, new)["values"].append(now.get(place))
    FILE.write_text("\n".join(head) + "\n" + dumped(list(entries.values())))
    GOLDEN.write_text(dumped(as_shipped()))


class _Plainly(yaml.SafeDumper):
    """Writes a value as often as it occurs, without YAML's anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dumped(entries: list[dict[str, Any]]) -> str:
    return yaml.dump(entries, Dumper=_Plainly, default_flow_style=None, sort_keys=False, width=110)


if __name__ == "__main__":
    note_changes()
