"""Config files for other sweepers, said in our settings."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from autoloop.config.peers import adopted, adoption

AX = {
    "ax_config": {
        "max_trials": 12,
        "experiment": {"minimize": False, "objective_name": "score", "outcome_constraints": ["a >= 1"]},
        "early_stop": {"max_epochs_without_improvement": 2},
        "client": {"random_seed": 4},
        "params": {
            "net.lr": {"type": "range", "bounds": [1e-4, 1], "log_scale": True},
            "net.width": {"type": "range", "bounds": [2, 8], "value_type": "int"},
            "net.kind": {"type": "choice", "values": ["a", "b"]},
            "net.depth": {"type": "fixed", "value": 3},
        },
    }
}
NEVERGRAD = {
    "optim": {"budget": 30, "num_workers": 3, "maximize": True, "optimizer": "CMA", "max_failure_rate": 0.5},
    "params": {"drop": "interval(0, 1)", "lr": {"init": 0.02, "step": 2.0, "log": True}},
    "parametrization": {"n": {"lower": 1, "upper": 9, "integer": True}},
}
OPTUNA = {
    "sampler": {"_target_": "optuna.samplers.TPESampler", "seed": 7, "n_startup_trials": 10},
    "direction": "maximize",
    "n_trials": 9,
    "custom_search_space": "app.configure",
    "params": {"lr": "tag(log, interval(0.001, 1))"},
}


def test_a_search_of_axs_is_one_of_ours():
    found = adopted(AX)
    assert found.settings == {
        "n_trials": 12,
        "direction": "maximize",
        "metrics": {"objective": "score"},
        "seed": 4,
        "params": {
            "net.lr": {"low": 1e-4, "high": 1, "log": True},
            "net.width": {"low": 2, "high": 8, "log": False, "type": "int"},
            "net.kind": {"choices": ["a", "b"]},
            "net.depth": 3,
        },
    }
    assert any("outcome_constraints is ignored: write constraints" in note for note in found.notes)
    assert any("patience" in note for note in found.notes)


def test_a_search_of_nevergrads_is_one_of_ours():
    found = adopted(NEVERGRAD)
    assert {key: value for key, value in found.settings.items() if key != "params"} == {
        "n_trials": 30,
        "n_jobs": 3,
        "direction": "maximize",
        "max_failure_rate": 0.5,
    }
    assert found.settings["params"] == {
        "drop": "interval(0, 1)",
        "lr": {"log": True},
        "n": {"low": 1, "high": 9, "type": "int"},
    }


@pytest.mark.parametrize(
    ("sampler", "option", "optuna", "ours"),
    [
        ({"_target_": "optuna.samplers.TPESampler"}, None, True, "tpe"),
        ({"_target_": "optuna.samplers.TPESampler"}, None, False, None),
        ({"_target_": "optuna.samplers.CmaEsSampler"}, None, True, None),
        ({"seed": 1}, "random", True, "random"),
        (None, "grid", True, "quasi_random"),
        ("gaussian", "tpe", True, "gaussian"),
        (None, None, True, None),
    ],
)
def test_optunas_samplers_are_ours_where_we_have_them(sampler: Any, option: Any, optuna: bool, ours: Any):
    """Chosen as a class or by a group; what we lack is said, and the built-in one chooses."""
    found = adopted({"sampler": sampler}, option, optuna)
    assert found.settings["sampler"] == ours
    assert bool(found.notes) == (ours is None and sampler is not None)


def test_what_is_ours_already_is_left_as_it_is():
    ours = {"rounds": 3, "seed": 5, "space": {"x": None}, "params": None, "sampler": None, "n_trials": None}
    assert adopted(ours).settings == ours
    assert not adopted(ours).notes


@pytest.mark.parametrize("node", [AX, NEVERGRAD, OPTUNA], ids=["ax", "nevergrad", "optuna"])
def test_what_adopt_prints_says_the_same_to_us(node: dict[str, Any]):
    """A file of our own words, that needs no translation any more."""
    file = {
        "defaults": [{"override hydra/sweeper": "other"}],
        "hydra": {"sweeper": {"_target_": "x.Y", **node}},
    }
    notes, block = adoption(file)
    assert notes[0] == "hydra/sweeper: other becomes autoloop"
    printed = yaml.safe_load("\n".join(block))
    assert printed["defaults"] == [{"override hydra/sweeper": "autoloop"}]
    again = adopted(printed["hydra"]["sweeper"])
    assert not again.notes
    settings = {key: value for key, value in adopted(node).settings.items() if value is not None}
    assert again.settings.keys() == settings.keys()
    assert again.settings["n_trials"] == settings["n_trials"]
    assert again.settings["params"].keys() == settings["params"].keys()


def test_a_file_without_a_sweeper_has_nothing_to_adopt():
    assert adoption({"lr": 0.1, "hydra": {"run": {"dir": "x"}}}) == ([], [])
