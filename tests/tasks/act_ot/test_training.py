"""Whole short trainings: what they log, that they repeat to the bit, that the knobs reach the loss."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from autoloop.errors import ConfigError
from autoloop.tasks import act_ot
from autoloop.tasks.act_ot import world
from autoloop.tasks.act_ot.checkpoint import load_policy
from autoloop.tasks.act_ot.errors import DivergedError, OutputDirError
from autoloop.tasks.act_ot.evaluation import success_rate

TERMS = ("img_third_person", "img_ee", "action_lbl")
CLONING = {"train/loss", "train/l1_loss", "train/kld_loss", "train/grad_norm", "train/lr"}
EVAL = {f"eval/offline_eval/{name}" for name in ("avg_loss", "avg_l1", "success_rate")}
TRANSPORT = {"train/ot_loss", "train/ot_pi_sum", "train/ot_pi_diag", "train/ot_log_pi_sum"}
COSTS = {f"train/{kind}/{term}" for kind in ("ot_cost", "ot_cost_diag") for term in TERMS}


def test_a_training_reports_exactly_the_promised_metrics(small):
    final = act_ot.train(small)
    assert set(final) == CLONING | EVAL | TRANSPORT | COSTS
    assert all(math.isfinite(value) for value in final.values())
    assert final["train/lr"] == 1e-3


@pytest.mark.parametrize("knob", [{"enable": False}, {"lambda_ot": 0.0}], ids=str)
def test_without_transport_it_is_plain_behaviour_cloning(small, knob):
    assert set(act_ot.train({**small, "ot": knob})) == CLONING | EVAL


def test_run_returns_the_held_out_l1(small):
    assert act_ot.run(small) == act_ot.train(small)["eval/offline_eval/avg_l1"]


def test_the_same_seed_repeats_to_the_bit_and_another_does_not(small):
    first = act_ot.train(small)
    torch.manual_seed(99)  # what the caller does with its own generator must not matter
    assert act_ot.train(copy.deepcopy(small)) == first
    assert act_ot.train({**small, "seed": 4})["train/loss"] != first["train/loss"]


def test_the_callers_generator_and_threads_are_left_alone(small):
    torch.manual_seed(5)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    act_ot.train({**small, "steps": 2})
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


@pytest.mark.slow
def test_a_cached_data_set_trains_to_the_same_numbers(small, tmp_path):
    cached = {**small, "cache_dir": str(tmp_path / "cache")}
    first, second = act_ot.train(cached), act_ot.train(cached)
    assert first == second == act_ot.train(small)


def _features(change):
    features = [
        {"src_key": key, "tgt_key": key, "term_name": term, "use_learned_embed": True, "weight_embed": 0.05}
        for key, term in (
            ("observation.images.third_person_cam_color", "img_third_person"),
            ("observation.images.ee_cam_color", "img_ee"),
        )
    ]
    features.append(
        {"src_key": "action", "tgt_key": "action", "term_name": "action_lbl", "weight_label": 0.02}
    )
    return [feature | change for feature in features]


def test_an_edit_of_all_features_reaches_every_term(small):
    # Heavier recorded values raise every term's cost, so the mass falls; weight 0 drops the embeddings.
    def train(change):
        ot = {"loss_config": {"features": _features(change), "tau_src": 1.0, "tau_tgt": 1.0}}
        return act_ot.train({**small, "steps": 1, "ot": ot})

    plain, heavy, none = train({}), train({"weight_label": 0.05}), train({"weight_embed": 0.0})
    assert heavy["train/ot_pi_sum"] < plain["train/ot_pi_sum"]
    for term in TERMS[:2]:
        assert heavy[f"train/ot_cost/{term}"] != plain[f"train/ot_cost/{term}"]
        assert f"train/ot_cost/{term}" not in none


@pytest.fixture(scope="module")
def error_of():
    """Train, but each config only once for all tests of this file."""
    known = {}

    def train(config):
        key = repr(config)
        if key not in known:
            known[key] = act_ot.run(config)
        return known[key]

    return train


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 9},
        {"policy": {"device": "cpu", "optimizer_lr": 2e-3}},
        {"policy": {"device": "cpu", "optimizer_lr": 1e-3, "optimizer_weight_decay": 0.5}},
        {"policy": {"device": "cpu", "optimizer_lr": 1e-3, "kl_weight": 10.0}},
        {"policy": {"device": "cpu", "optimizer_lr": 1e-3, "ema_decay": 0.0}},
        {"policy": {"device": "cpu", "optimizer_lr": 1e-3, "dim_model": 32}},
        {"policy": {"device": "cpu", "optimizer_lr": 1e-3, "n_heads": 2}},
        {"policy": {"device": "cpu", "optimizer_lr": 1e-3, "n_decoder_layers": 2}},
        {"policy": {"device": "cpu", "optimizer_lr": 1e-3, "latent_dim": 4}},
        {"policy": {"device": "cpu", "optimizer_lr": 1e-3, "chunk_size": 6}},
        {"policy": {"device": "cpu", "optimizer_lr": 1e-3, "use_amp": True}},
        {"optimizer": {"grad_clip_norm": 0.01}},
        {"ot": {"lambda_ot": 5.0, "loss_config": {"tau_src": 1.0, "tau_tgt": 1.0}}},
        {"ot": {"batch_ratio": 1.0, "loss_config": {"tau_src": 1.0, "tau_tgt": 1.0}}},
        {"ot": {"bc_src_weight": 0.1, "loss_config": {"tau_src": 1.0, "tau_tgt": 1.0}}},
        {"ot": {"window_size": 9, "loss_config": {"tau_src": 1.0, "tau_tgt": 1.0}}},
        {"ot": {"loss_config": {"tau_src": 2.0, "tau_tgt": 1.0}}},
        {"ot": {"loss_config": {"tau_src": 1.0, "tau_tgt": 2.0}}},
        {"ot": {"loss_config": {"tau_src": 1.0, "tau_tgt": 1.0, "reg": 0.5}}},
        {"ot": {"loss_config": {"tau_src": 1.0, "tau_tgt": 1.0, "heuristic": False}}},
        {"dataset": {"src_episodes": 6, "tgt_episodes": 2, "eval_episodes": 3, "gap": 0.5}},
    ],
    ids=str,
)
@pytest.mark.slow
def test_no_knob_is_dead(small, error_of, change):
    base = {**small, "steps": 4, "eval_freq": 4, "ot": {"loss_config": {"tau_src": 1.0, "tau_tgt": 1.0}}}
    assert error_of({**base, **change}) != error_of(base)


def test_small_weights_collapse_the_mass_and_its_logarithm_says_by_how_much(small):
    ot = {"loss_config": {"reg": 1e-4, "tau_src": 1e-4, "tau_tgt": 1e-4}}
    final = act_ot.train({**small, "steps": 3, "ot": ot})
    assert final["train/ot_pi_sum"] == 0.0
    assert -1e6 < final["train/ot_log_pi_sum"] < -800


def test_a_diverged_training_stops_with_the_step_and_the_metrics(small):
    with pytest.raises(DivergedError, match="not finite at step 5") as caught:
        act_ot.train({**small, "policy": {"device": "cpu", "optimizer_lr": 1e30}})
    assert "train/loss" in caught.value.metrics


def test_an_existing_output_dir_is_refused_before_any_work(small, tmp_path):
    (tmp_path / "output").mkdir()
    with pytest.raises(OutputDirError, match="exists already") as caught:
        act_ot.train({**small, "steps": 10**9, "output_dir": str(tmp_path / "output")})
    assert isinstance(caught.value, FileExistsError)


def test_the_output_dir_is_created_only_for_a_checkpoint(small, tmp_path):
    act_ot.train({**small, "steps": 2, "output_dir": str(tmp_path / "output")})
    assert not (tmp_path / "output").exists()


@pytest.mark.slow
def test_a_saved_policy_acts_as_the_trained_one(small, tmp_path):
    config = {**small, "output_dir": str(tmp_path / "output"), "save_checkpoint": True}
    final = act_ot.train(config)
    policy = load_policy(tmp_path / "output")
    rate = success_rate(policy, world.real_domain(1.6), n_action_steps=4)
    assert rate == final["eval/offline_eval/success_rate"]


def test_a_gpu_that_is_not_there_is_a_clear_error(small, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="sees no GPU"):
        act_ot.train({**small, "policy": {"device": "cuda"}})


def test_rows_are_window_means_at_the_asked_steps(small, monkeypatch):
    rows = {}

    class Rows:
        def log(self, data, step=None):
            rows[step] = data

    from contextlib import contextmanager

    from autoloop.tasks.act_ot import training as train_module

    @contextmanager
    def recording(_settings):
        yield Rows()

    monkeypatch.setattr(train_module, "recording", recording)
    act_ot.train({**small, "steps": 12, "log_freq": 1, "eval_freq": 8})
    single = [rows[step]["train/l1_loss"] for step in range(1, 13)]
    assert [step for step in rows if set(rows[step]) >= EVAL] == [8, 12]
    rows.clear()
    act_ot.train({**small, "steps": 12, "log_freq": 5, "eval_freq": 100})
    assert list(rows) == [5, 10, 12]
    means = [rows[step]["train/l1_loss"] for step in rows]
    np.testing.assert_allclose(
        means, [np.mean(single[:5]), np.mean(single[5:10]), np.mean(single[10:])], rtol=1e-6
    )
