"""`until=worthy` in whole studies: the users' own end of a search, on curves like theirs."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
import yaml

from autoloop.loop.score import winner
from tests.helpers import warm
from tests.helpers.flow_app.launch import Ran, run

APP = Path(__file__).with_name("worthy_app.py")
WORDS = (
    "hydra.sweeper.rules=act_ot",
    "hydra.sweeper.until=worthy",
    "hydra.launcher.n_jobs=2",
    "hydra.launcher.gpus=[]",
)


def study(study_dir: Path, *words: str, rounds: int = 4) -> Ran:
    ran = run(
        study_dir,
        *WORDS,
        *words,
        f"hydra.sweeper.rounds={rounds}",
        launcher="slots",
        app=APP,
        metrics="hydra.sweeper.metrics=act_ot",
    )
    assert ran.code == 0, ran.output
    return ran


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    wild = "+hydra.sweeper.variants={wild:{harm@set:-0.02,grad_norm@set:80.0}}"
    return study(tmp_path_factory.mktemp("worthy") / "study", wild)


@pytest.mark.slow
def test_a_study_ends_with_the_round_that_brings_a_worthy_run_which_is_its_winner(ran: Ran) -> None:
    """A run with a lower error whose gradients are not calm is none: neither the end nor the winner."""
    assert ran.study.rounds == [1, 2]
    assert ran.study.stopped is not None
    reason = ran.study.stopped.reason
    assert reason == (
        "r2_restore_mass meets every condition of until (train/ot_pi_sum last 0.1995, "
        "train/ot_loss last 0.01995, eval/offline_eval/avg_l1 pct -69.21, train/grad_norm last 30.5)"
    )
    best = winner(ran.study)
    assert best is not None
    assert best.name == "r2_restore_mass"
    assert best.plan.parent == "baseline"
    assert ran.study.best().name == "r2_restore_mass_2"  # type: ignore[union-attr]
    sentence = next(line for line in ran.output.splitlines() if "the study ends after 4 jobs" in line)
    assert f"{reason}; the best is r2_restore_mass (job {best.job})" in sentence


def test_best_yaml_and_the_last_line_hold_the_command_that_trains_the_worthy_run(
    ran: Ran, tmp_path: Path
) -> None:
    best = winner(ran.study)
    assert best is not None
    stored = yaml.safe_load((ran.study_dir / "best.yaml").read_text())
    assert (stored["name"], stored["overrides"]) == (best.name, list(best.plan.overrides))
    assert any(line.endswith(f"best.yaml): {stored['command']}") for line in ran.output.splitlines())
    words = [sys.executable, *shlex.split(stored["command"])[1:], f"hydra.run.dir={tmp_path / 'again'}"]
    warm.run(words, check=True, cwd=tmp_path)
    assert list((tmp_path / "again").glob("wandb/*/run-*.wandb"))
    for report in (ran.study_dir / "reports").glob("*.md"):
        assert f"Best: `{best.name}`" in report.read_text()


def test_a_single_condition_that_fails_lets_the_study_go_on(tmp_path: Path) -> None:
    """The same study with gradients of 60: every other condition holds in round 2."""
    ran = study(tmp_path / "study", "grad_norm=60.0", rounds=3)
    assert ran.study.rounds == [1, 2, 3]
    assert ran.study.stopped is not None
    assert ran.study.stopped.reason == "all 3 rounds are done"
    restored = ran.study.by_name("r2_restore_mass")
    assert restored is not None
    assert 0.05 <= restored.summary["train/ot_pi_sum"]["last"] <= 0.3
    assert restored.summary["eval/offline_eval/avg_l1"]["pct"] < -10
    assert restored.summary["train/grad_norm"]["last"] > 60
    assert winner(ran.study) is ran.study.best()
