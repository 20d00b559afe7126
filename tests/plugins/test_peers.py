"""Apps written for other sweepers, with one word changed: `hydra/sweeper=autoloop`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from autoloop.store.journal import read_study
from autoloop.study.record import Study
from tests.helpers import warm

APP = """
import hydra

@hydra.main(version_base="1.3", config_path=".", config_name="config")
def train(cfg):
    return cfg.x ** 2 + cfg.get("y", 0)

if __name__ == "__main__":
    train()
"""

LOGGING = """
import hydra
from hydra.core.hydra_config import HydraConfig
from tests.helpers import warm

@hydra.main(version_base="1.3", config_path=".", config_name="config")
def train(cfg):
    with open(HydraConfig.get().runtime.output_dir + "/metrics.csv", "w") as file:
        file.write("step,loss\\n")
        file.writelines(f"{step},{cfg.x + 1 / step}\\n" for step in range(1, 21))

if __name__ == "__main__":
    train()
"""

#: Who -> its config, and how many jobs there are. As these sweepers' own examples are written.
CONFIGS = {
    "basic": (
        """
defaults: [{db: '???'}, _self_]
x: 1
hydra: {sweeper: {params: {db: glob(*), x: '1,2'}}}
""",
        4,
    ),
    "optuna": (
        """
defaults: [_self_, {override hydra/sweeper: optuna}, {override hydra/sweeper/sampler: random}]
x: 1
y: 1
hydra:
  sweeper:
    sampler: {seed: 5}
    direction: minimize
    study_name: bowl
    storage: null
    n_trials: 4
    n_jobs: 1
    max_failure_rate: 0.0
    params: {x: 'range(-2.5, 2.5, step=0.5)', y: 'choice(-5, 0, 5)'}
""",
        4,
    ),
    "a file of Optuna's, class and all": (
        """
x: 1.0
hydra:
  sweeper:
    _target_: hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper
    storage: sqlite:///copy.db
    study_name: copy
    n_jobs: 1
    direction: maximize
    n_trials: 3
    sampler: {_target_: optuna.samplers.RandomSampler, seed: 5}
    params: {x: 'interval(0.5, 4)'}
""",
        3,
    ),
    "ax": (
        """
defaults: [_self_, {override hydra/sweeper: ax}]
x: '???'
hydra: {sweeper: {ax_config: {max_trials: 3, params: {x: {type: range, bounds: [-5, 10.1]}}}}}
""",
        3,
    ),
    "nevergrad": (
        """
defaults: [_self_, {override hydra/sweeper: nevergrad}]
x: 3
y: 0.5
hydra:
  sweeper:
    optim: {optimizer: OnePlusOne, budget: 4, num_workers: 2}
    params: {x: 'int(interval(1, 6))', y: {init: 0.02, step: 2.0, log: true}}
""",
        4,
    ),
}


def sweep(place: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start or go on with a study."""
    command = [sys.executable, "app.py", "-m", "hydra/sweeper=autoloop", "hydra.sweep.dir=study", *words]
    return warm.run(command, cwd=place, env={**os.environ, **variables})


def ran(place: Path, *words: str, **variables: str) -> tuple[Study, str]:
    """A study that went well, and what it said."""
    done = sweep(place, *words, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return read_study(place / "study"), done.stdout


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "config.yaml").write_text("x: 1\ny: 2\n")
    for option in ("mysql", "postgresql"):
        (tmp_path / "db").mkdir(exist_ok=True)
        (tmp_path / "db" / f"{option}.yaml").write_text(f"driver: {option}\n")
    return tmp_path


@pytest.mark.parametrize("who", CONFIGS)
def test_a_config_for_another_sweeper_runs_unchanged(app: Path, who: str):
    """As many jobs as it asks for, each inside its space, with its goal."""
    config, count = CONFIGS[who]
    (app / "config.yaml").write_text(config)
    study, _ = ran(app)
    assert len(study.jobs) == count
    assert study.maximize == ("direction: maximize" in config)
    assert len({job.plan.signature for job in study.jobs.values()}) == count
    if "copy.db" in config:
        optuna = pytest.importorskip("optuna")
        copy = optuna.load_study(study_name="copy", storage=f"sqlite:///{app / 'copy.db'}")
        told = {trial.user_attrs["job"]: (trial.value, trial.params["x"] ** 2) for trial in copy.trials}
        values = {number: job.objective for number, job in study.jobs.items()}
        assert told == {number: (value, pytest.approx(value)) for number, value in values.items()}


@pytest.mark.slow
def test_a_small_space_of_groups_and_values_ends_when_it_is_exhausted(app: Path):
    """Each configuration ran once, none twice, and the end says why; an option alone is no news."""
    (app / "db" / "twin.yaml").write_text("driver: mysql\n")
    (app / "config.yaml").write_text("defaults: [{db: mysql}, _self_]\nx: 1\n")
    study, said = ran(app, "db=choice(mysql,postgresql,twin)", "x=choice(1,2)", "hydra.sweeper.n_trials=30")
    assert len({job.plan.signature for job in study.jobs.values()}) == len(study.jobs) == 4
    study, said = ran(app, "db=choice(mysql,postgresql)", "x=choice(1,2,3)", "hydra.sweeper.n_trials=30")
    assert len(study.jobs) == 6
    assert "each of the 6 configurations of the space has run" in said


@pytest.mark.slow
def test_a_shuffled_list_goes_on_in_the_order_it_was_drawn(app: Path):
    """Not drawn again, which would be another study."""
    words = ("x=shuffle(range(0,9))", "hydra.sweeper.resume=true")
    first, _ = ran(app, *words, "hydra.sweeper.rounds=1")
    assert {job.plan.overrides for job in first.jobs.values()} == {(f"x={x}",) for x in range(9)}
    again, said = ran(app, *words)
    assert list(again.jobs) == list(first.jobs) and "nothing is left to do" in said


@pytest.mark.slow
def test_failed_jobs_are_tolerated_up_to_a_share(app: Path):
    app.joinpath("app.py").write_text(APP.replace("return", "assert cfg.x < 3; return"))
    assert sweep(app, "x=1,2,3", "hydra.sweeper.max_failure_rate=0.5").returncode == 0
    assert sweep(app, "x=1,2,3", "hydra.sweeper.max_failure_rate=0.2").returncode == 1


@pytest.mark.slow
def test_a_search_ends_after_so_many_steps_and_goes_on_where_more_are_allowed(app: Path):
    """The steps of each job's curve count, those of rounds before a restart too."""
    (app / "app.py").write_text(LOGGING)
    before = 0
    for limit in (60, 100):
        words = ("hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=20", f"hydra.sweeper.max_steps={limit}")
        study, said = ran(app, "x=interval(1,9)", *words)
        trained = sum(job.steps for job in study.jobs.values())
        without_last = trained - sum(job.steps for job in study.of_round(study.rounds[-1]))
        assert before <= without_last < limit <= trained
        assert f"{trained} steps were trained in all (max_steps={limit})" in said
        before = trained


@pytest.mark.slow
def test_a_secret_that_stands_in_for_a_variable_is_hidden_and_no_change(app: Path):
    """A study goes on where the variable is set by now, and is not any more."""
    (app / "config.yaml").write_text("x: 1\napi_key: ${oc.env:PLACE_OF_MINE,literal-1234}\n")
    for n_trials, place in enumerate([{}, {"PLACE_OF_MINE": "another-5678"}, {}], 1):
        study, _ = ran(app, "x=interval(1,9)", f"hydra.sweeper.n_trials={n_trials}", **place)
    kept = [path.read_text() for path in (app / "study").iterdir() if path.is_file()]
    assert len(study.jobs) == 3 and not any("literal-1234" in text for text in kept)


@pytest.mark.slow
def test_every_point_runs_with_the_same_seeds(app: Path):
    """`seeds` of each job of the search, all of which its standing is the average of."""
    (app / "config.yaml").write_text("x: 1\nseed: 7\n")
    study, _ = ran(app, "x=interval(1,9)", "hydra.sweeper.n_trials=2", "hydra.sweeper.seeds=3")
    seeds = [OmegaConf.from_dotlist(list(job.plan.overrides)) for job in study.jobs.values()]
    assert sorted((one.get("x", 1), one.get("seed", 7)) for one in seeds) == [
        (x, seed) for x in sorted({one.get("x", 1) for one in seeds}) for seed in (7, 8, 9)
    ]
