"""Demonstrations: deterministic, cached safely, the expert works in both domains, pairs make sense."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autoloop.tasks.act_ot import world
from autoloop.tasks.act_ot.demos import load_demonstrations, record_demonstrations
from autoloop.tasks.act_ot.pairing import pair_episodes
from autoloop.tasks.act_ot.settings import DatasetSettings

SMALL = DatasetSettings(src_episodes=6, tgt_episodes=2, eval_episodes=3)


def _arrays(demonstrations):
    for block in ("src", "tgt", "held_out"):
        for name in ("images", "proprio", "actions", "states"):
            yield f"{block}/{name}", getattr(getattr(demonstrations, block), name)
    yield "pairing/episodes", demonstrations.pairing.episodes
    yield "pairing/frames", demonstrations.pairing.frames


def _assert_equal(one, other):
    for (name, left), (_, right) in zip(_arrays(one), _arrays(other), strict=True):
        np.testing.assert_array_equal(left, right, err_msg=name)


def test_equal_settings_record_equal_numbers_and_another_seed_others():
    _assert_equal(record_demonstrations(SMALL), record_demonstrations(SMALL))
    other = record_demonstrations(replace(SMALL, seed=1))
    assert not np.array_equal(other.src.images, record_demonstrations(SMALL).src.images)


def test_the_cache_gives_back_what_was_recorded(tmp_path):
    recorded = load_demonstrations(SMALL, tmp_path)
    (path,) = tmp_path.iterdir()
    before = path.stat().st_mtime_ns
    _assert_equal(load_demonstrations(SMALL, tmp_path), recorded)
    assert path.stat().st_mtime_ns == before


def test_every_setting_of_the_data_has_a_cache_entry_of_its_own(tmp_path):
    for settings in (SMALL, replace(SMALL, gap=0.5), replace(SMALL, seed=1), replace(SMALL, tgt_episodes=3)):
        load_demonstrations(settings, tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04 cut off"])
def test_a_broken_cache_file_is_reported_and_replaced(tmp_path, caplog, content):
    recorded = load_demonstrations(SMALL, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    _assert_equal(load_demonstrations(SMALL, tmp_path), recorded)
    assert "recording them anew" in caplog.text
    _assert_equal(load_demonstrations(SMALL, tmp_path), recorded)


def test_a_cache_that_cannot_be_written_is_reported_and_not_needed(tmp_path, caplog):
    occupied = tmp_path / "file"
    occupied.write_text("a file where the cache should be")
    _assert_equal(load_demonstrations(SMALL, occupied / "cache"), record_demonstrations(SMALL))
    assert "cannot keep the demonstrations" in caplog.text


def _load_in_child(cache_dir: Path) -> float:
    return float(load_demonstrations(SMALL, cache_dir).src.images.sum())


def test_concurrent_jobs_may_share_a_cache(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        sums = pool.map(_load_in_child, [tmp_path] * 4, chunksize=1)
    assert len(set(sums)) == 1
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]


@pytest.mark.parametrize("domain", [world.SIM, world.real_domain(1.6)], ids=["sim", "real"])
def test_the_demonstrator_brings_every_object_into_the_bin(domain):
    rng = np.random.default_rng(0)
    tables = world.reset(64, rng)
    for _ in range(60):
        tables = world.advance(tables, world.expert_actions(tables, np.full(64, 0.13)), domain, rng)
    assert world.in_bin(tables).all()


def test_the_domains_differ_in_pictures_and_in_motion_and_not_at_gap_zero():
    tables = world.reset(8, np.random.default_rng(0))
    actions = world.expert_actions(tables, np.full(8, 0.13))

    def observe(domain):
        rng = np.random.default_rng(1)
        moved = world.advance(tables, actions, domain, rng)
        return moved.gripper_xy, world.take_images(tables, domain, rng), world.read_proprio(tables, domain)

    for sim, real in zip(observe(world.SIM), observe(world.real_domain(1.6)), strict=True):
        assert np.abs(sim - real).max() > 0.01
    for sim, same in zip(observe(world.SIM), observe(world.real_domain(0.0)), strict=True):
        np.testing.assert_array_equal(sim, same)


def test_an_open_gripper_drops_what_it_holds():
    tables = world.Tables(np.zeros((1, 2)), np.zeros((1, 2)), np.array([True]), np.array([True]))
    dropped = world.advance(tables, np.array([[1.0, 0.0, -1.0]]), world.SIM, np.random.default_rng(0))
    assert not dropped.held[0]
    np.testing.assert_array_equal(dropped.object_xy, tables.object_xy)


def test_pairing_finds_a_copy_of_the_episode_frame_by_frame():
    states = np.random.default_rng(0).normal(size=(5, 12, 4)).astype(np.float32)
    pairing = pair_episodes(states, states[[3]])
    assert pairing.episodes[0, 0] == 3
    np.testing.assert_array_equal(pairing.frames[0, 0], np.arange(12))


def test_pairing_follows_a_slower_episode_without_going_back_in_time():
    path = np.linspace(0, 1, 30)[:, None] * np.ones(4)
    slow = np.concatenate([path[:20:2] / 2, path[10:]])[:30]
    frames = pair_episodes(path[None].astype(np.float32), slow[None].astype(np.float32)).frames[0, 0]
    assert (np.diff(frames) >= 0).all()
    assert np.abs(path[frames] - slow).max() < 0.05
