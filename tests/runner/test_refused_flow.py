"""One bad proposal costs that proposal: what does not compose, and a run dir that cannot be made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.helpers import warm
from tests.helpers.flow_app.launch import Ran, run

APP = Path(__file__).with_name("refusing_app.py")
LONG = "ö" * 200  # 400 bytes


def study(study_dir: Path, *words: str, launcher: str = "slots") -> Ran:
    slots = ("hydra.launcher.n_jobs=2",) if launcher == "slots" else ()
    quiet = "hydra.sweeper.stop_rules=none"
    return run(
        study_dir, *slots, quiet, *words, launcher=launcher, app=APP, metrics="hydra.sweeper.rules=none"
    )


@pytest.mark.slow
def test_what_hydra_cannot_compose_is_left_out_and_the_round_is_full_all_the_same(tmp_path: Path) -> None:
    """Of a frozen node, of a key below a reference, and of a value for which a resolver raises."""
    ran = study(
        tmp_path / "study",
        "hydra.sweeper.strategy=mixed",
        "+hydra.sweeper.bounds={optimizer.lr:[0.01,1],alias.lr:[0.01,1],heads:[2,64],x:[0.1,1]}",
        "+hydra.sweeper.variants={a:{x@mul:0.9},b:{x@mul:0.8},c:{heads@set:10}}",
        "hydra.sweeper.rounds=3",
    )
    assert ran.code == 0, ran.output
    assert [len(ran.study.of_round(number)) for number in ran.study.rounds] == [4, 4, 4]
    assert all(job.known for job in ran.study.counted())
    why = " ".join(refusal.why for refusals in ran.study.refused.values() for refusal in refusals)
    assert "Hydra does not compose it: Error merging override" in why
    assert "is odd" in why
    assert "\n" not in why


def test_a_variant_of_the_users_that_does_not_compose_ends_the_study_before_anything_runs(
    tmp_path: Path,
) -> None:
    words = ["-m", "hydra/sweeper=autoloop", f"hydra.sweep.dir={tmp_path / 'study'}"]
    words += ["hydra.sweeper.variants={odd:{heads@set:7}}", "hydra.sweeper.rounds=2"]
    done = warm.run([sys.executable, str(APP), *words])
    assert done.returncode == 2
    assert "in variant 'odd':\nsize can no longer be resolved" in done.stderr
    assert not (tmp_path / "study" / "study.jsonl").exists()


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["slots", "basic"])
def test_a_run_dir_that_cannot_be_made_costs_its_job_at_most(tmp_path: Path, launcher: str) -> None:
    """A name that is too long is cut, of two alike each has its own, none lies outside; resume finds them."""
    words = (
        "hydra.sweep.subdir=${where}/${label}",
        f"+hydra.sweeper.variants={{long:{{label@set:'{LONG}'}},again:{{label@set:'{LONG}',x@set:0.5}},"
        "outside:{where@set:/proc/nothing},file:{where@set:study.jsonl},last:{x@set:0.4}}",
        "hydra.sweeper.strategy=rules",
    )
    ran = study(tmp_path / "study", *words, launcher=launcher)
    assert ran.code == 0, ran.output
    ended = {job.name: job for job in ran.study.counted()}
    assert [name for name, job in ended.items() if not job.known] == []
    assert ended["outside"].run_dir == "3"
    assert "leads out of the study" in ran.output
    dirs = [Path(job.run_dir) for job in ended.values()]
    assert len(set(dirs)) == 6
    assert all((ran.study_dir / run_dir / ".hydra" / "config.yaml").is_file() for run_dir in dirs)
    assert ended["long"].run_dir.startswith("runs/öö")
    assert len(Path(ended["long"].run_dir).name.encode()) <= 255
    again = study(tmp_path / "study", *words, launcher=launcher)
    assert len(again.study.jobs) == 6
