"""docs/strategies.md shows every shipped strategy as it is, and its examples run.

To write it anew run this file (`python -m tests.strategies.test_strategies_reference`).
"""

from __future__ import annotations

import inspect
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
import yaml

import autoloop.strategies
from autoloop.runner.queue_file import read_queue
from autoloop.strategies import MixedStrategy, Strategy, build_strategy
from autoloop.strategies.space import read_space
from autoloop.study.record import Study
from autoloop.train import composed
from tests.helpers.flow_app.launch import always, run
from tests.helpers.places import ROOT
from tests.helpers.reference import classes_in, filled, reference, settings_of, shipped_files

PAGE = ROOT / "docs" / "strategies.md"
CLASSES: list[type[Strategy]] = classes_in(autoloop.strategies, Strategy)


def sections() -> dict[str, str]:
    """Return the made part of the page."""
    return {"classes": "\n\n".join(map(reference, CLASSES))}


def blocks(language: str) -> list[str]:
    """Return the examples in one language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_page_is_as_the_code_says() -> None:
    assert filled(PAGE, sections()) == PAGE.read_text()


@pytest.mark.parametrize("kind", CLASSES)
def test_every_setting_is_described_and_it_is_said_when_the_strategy_is_wrong(kind: type[Strategy]) -> None:
    assert list(settings_of(kind)) == list(inspect.signature(kind).parameters)
    assert "Do not use it" in (inspect.getdoc(kind) or "")


@pytest.mark.parametrize("choice", shipped_files("strategy"))
def test_a_shipped_config_has_every_setting(choice: str) -> None:
    config = yaml.safe_load((ROOT / "conf" / "strategy" / f"{choice}.yaml").read_text())
    kind = next(kind for kind in CLASSES if kind.__name__ == config["_target_"].rpartition(".")[2])
    assert set(config) - {"_target_"} == set(inspect.signature(kind).parameters)


def test_the_queue_of_the_page_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "queue.yaml").write_text(blocks("yaml")[0])
    edits = [one.edits for one in read_queue(tmp_path, Study(), "baseline").waiting]
    assert edits == [("ot.window_size@max=20",), ("policy.optimizer_lr@set=0.002",)]


def test_the_ways_of_the_page_to_keep_a_knob_out_do_so() -> None:
    lines = re.findall(
        r"^    (python -m autoloop.train .*(?:space|bounds)=.*)$", PAGE.read_text(), re.MULTILINE
    )
    knobs = []
    for line in lines:
        config, _ = composed(shlex.split(line)[4:])
        strategy = build_strategy(config["strategy"])
        assert isinstance(strategy, MixedStrategy)
        bounds = {path: tuple(limits) for path, limits in config["bounds"].items()}
        knobs.append(
            {knob.path: knob for knob in read_space(config, strategy.space, bounds, (), strategy.span)}
        )
    without, narrow, more = knobs
    assert len(without) == 4
    assert not {"ot.lambda_ot", "batch_size"} & set(without)
    assert (narrow["ot.loss_config.reg"].low, narrow["ot.loss_config.reg"].high) == (0.05, 1.0)
    assert set(more) == {*narrow, "ot.window_size"}


def test_the_strategy_of_the_page_keeps_the_contract(tmp_path: Path) -> None:
    (tmp_path / "downhill.py").write_text(blocks("python")[1])
    runpy.run_path(str(tmp_path / "downhill.py"))


def test_the_program_of_the_page_proposes_in_a_real_study(tmp_path: Path) -> None:
    (tmp_path / "propose.py").write_text(blocks("python")[0])
    (line,) = re.findall(r"'(hydra\.sweeper\.strategy=.*)'", PAGE.read_text())
    ran = run(
        tmp_path / "study",
        always("faster", "lr@mul=3"),
        line.replace("python propose.py", shlex.join([sys.executable, "propose.py"])),
        "hydra.sweeper.rounds=3",
    )
    assert ran.code == 0, ran.output
    first = next(job for job in ran.study.counted() if job.plan.rule == "outside")
    assert (first.round, first.plan.edits) == (2, ("lr@mul=0.5",))
    assert first.plan.reason == f"half of {first.plan.parent}'s rate"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE, sections()))
