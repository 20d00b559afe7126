"""Bounds that limit nothing are told, those that come with autoloop aside."""

from autoloop.config.idle_bounds import idle_bounds
from autoloop.config.settings import load_group

CONFIG = {"optimizer": {"lr": 0.1}, "layers": [{"width": 4}], "batch_size": 8}


def told(*paths, configs=(CONFIG,)):
    return list(idle_bounds(dict.fromkeys(paths, (0.0, 1.0)), configs))


def test_a_misspelt_name_is_told_with_the_nearest():
    """Plain paths, patterns whose wildcards find nothing; what cannot be read is told elsewhere."""
    assert told("optimizer.lr", "layers.*.width", "*.lr", "optimizer..lr") == []
    assert told("optimizer.lrr", "layers.*.widht", "width") == [
        "bounds.optimizer.lrr limits nothing: 'lrr' is not a key of optimizer; did you mean 'lr'?",
        "bounds.layers.*.widht limits nothing: 'widht' is not a key of layers.0; did you mean 'width'?",
        "bounds.width limits nothing: 'width' is not a key of the config; there is one at layers.0.width",
    ]


def test_what_one_of_several_configs_has_is_no_mistake():
    """A variant may bring a key that the baseline lacks."""
    assert told("optimizer.momentum", configs=(CONFIG, {"optimizer": {"momentum": 0.9}})) == []


def test_bounds_that_come_with_autoloop_are_for_other_trainers_too():
    """They limit what is there and are silent of the rest; the user's own limits of such a name are not."""
    shipped = {path: tuple(limits) for path, limits in load_group("bounds", "act_ot").items()}
    assert list(idle_bounds(shipped, [CONFIG])) == []
    assert len(told("policy.optimizer_lr")) == 1
