"""``python -m autoloop.train``: a Hydra app that trains the chosen task, once or, with ``-m``, in rounds.

Arguments of the command line that are edits (``ot.loss_config.reg@mul=1.5``) are lifted out before Hydra sees
them, since Hydra's grammar does not know them: with ``-m`` they go to the sweeper, without it they change
this one run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import hydra
from hydra.utils import get_method
from omegaconf import DictConfig, OmegaConf

from autoloop.config.base_config import GROUP, keep_files, to_trainer
from autoloop.config.given_overrides import (
    refuse_lists_alone,
    refuse_unknown_entries,
    settings_of_study,
    switched_off,
    with_contents,
)
from autoloop.config.hydra_errors import hydra_message
from autoloop.config.knobs import SHARED
from autoloop.config.values import app_config, placed, root_of, seen
from autoloop.edits import apply, format_literal, overrides_between, split_commas
from autoloop.edits.argv import lift_edits
from autoloop.errors import AutoloopError, ConfigError
from autoloop.store.redact import print_error

MULTIRUN = ("-m", "--multirun")
#: Flags that say where configs lie; a single run takes them as a study does.
WHERE = ("--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn")
CONF_DIR = Path(__file__).resolve().parent / "conf"


@hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="config")
def run(cfg: DictConfig) -> Any:
    """Train the task that ``cfg.trainer`` names, and return its objective."""
    return get_method(cfg.trainer)(cfg)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the app.

    Args:
        arguments: The command line without the program's name; ``sys.argv`` if not given.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.argv[1:] = hydra_arguments(given)
        check_composes(sys.argv[1:])
        check_meant(sys.argv[1:])
    except AutoloopError as error:
        print_error(error)
        raise SystemExit(error.exit_code) from error
    run()


def hydra_arguments(given: Sequence[str]) -> list[str]:
    """The command line in Hydra's own terms.

    Raises:
        EditError: An edit that cannot be read or, without ``-m``, does not fit the config.
    """
    args, edits = lift_edits(given, config_groups())
    if not is_multirun(args):
        refuse_lists_alone(filter(_is_override, args), edits)
    args = list(with_contents(map(_choice, args), default_groups()))
    args = sorted(
        _to_trainer(keep_files(args)), key=lambda arg: arg not in MULTIRUN
    )  # argparse wants it first
    if not edits:
        return args
    if is_multirun(args):
        return _with(args, [f"hydra.sweeper.edits={format_literal(edits)}"])
    app, root = composed([*_config_dirs(args), *(arg for arg in args if _is_override(arg))])
    before = seen(app, root)
    after = apply(edits, before)
    if root is None:
        return _with(args, overrides_between(before, after))
    return _with(args, placed(before, after, app[root] or {}, root))


def is_multirun(args: Sequence[str]) -> bool:
    """Whether a command line asks for a study, or for what Hydra's own flags show."""
    flags = [arg for arg in args if arg.startswith("-") and not arg.startswith(WHERE)]
    return bool(flags) or any(arg.startswith("hydra.mode=") for arg in args)


def _choice(arg: str) -> str:
    """``+cluster=slurm`` as ``cluster=slurm``: what stands in conf/config.yaml is there already.

    The same goes for ``+timeout_min=30``: Hydra adds no key for a second time.
    """
    key, _, chosen = arg.removeprefix("+").partition("=")
    content = chosen.startswith("{")  # +variants={a: ..} adds to what was chosen
    there = key in default_groups() or key in own_knobs()
    return arg.removeprefix("+") if there and not arg.startswith("++") and not content else arg


def _is_override(arg: str) -> bool:
    return "=" in arg and not arg.startswith("-")


def _with(args: Sequence[str], added: Sequence[str]) -> list[str]:
    """Add overrides behind the last one: behind a flag, argparse would not take them."""
    end = max((place for place, arg in enumerate(args, start=1) if _is_override(arg)), default=len(args))
    return [*args[:end], *added, *args[end:]]


def _to_trainer(args: Sequence[str]) -> list[str]:
    """Send arguments for an external trainer's config to where it is."""
    choices = [_first_choice(arg) for arg in args if arg.partition("=")[0] in ("task", GROUP)]
    return to_trainer(args, *composed([*_config_dirs(args), *choices])) if choices else list(args)


def _config_dirs(args: Sequence[str]) -> list[str]:
    """Hydra's ``--config-dir DIR`` as an override, which composing apart from the command line takes."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-dir", "-cd")
    given = parser.parse_known_args(args)[0].config_dir
    return [f"hydra.searchpath={format_literal([f'file://{Path(given).absolute()}'])}"] if given else []


def _first_choice(arg: str) -> str:
    """The first of a comma list of options of a config group."""
    group, _, options = arg.partition("=")
    return f"{group}={split_commas(options)[0]}"


def config_groups() -> set[str]:
    """Names of the app's config groups: ``task@here=x`` is Hydra's, not an edit."""
    return {str(path.relative_to(CONF_DIR)) for path in CONF_DIR.rglob("*") if path.is_dir()}


@cache
def default_groups() -> set[str]:
    """Names of the config groups of which the app's defaults choose an option."""
    defaults = OmegaConf.load(CONF_DIR / "config.yaml").defaults
    return {str(group) for entry in defaults if isinstance(entry, DictConfig) for group in entry}


@cache
def own_knobs() -> frozenset[str]:
    """Names of the study's knobs that stand at the top of the app's config."""
    return frozenset(str(key) for key in OmegaConf.load(CONF_DIR / "config.yaml") if key in SHARED)


def composed(overrides: Sequence[str]) -> tuple[dict[str, Any], str | None]:
    """The app's config with these overrides as plain values, and the key of a trainer's own config in it.

    Raises:
        ConfigError: The overrides do not compose.
    """
    from hydra import compose, initialize_config_dir

    with _hydra_errors_explained(), initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config = compose("config", overrides=list(overrides))
        return app_config(config), root_of(config)


def check_composes(args: Sequence[str]) -> None:
    """Compose the config once as Hydra is going to, to tell a mistake in our own words.

    Args:
        args: The command line in Hydra's terms. With a flag such as ``--help`` nothing is checked.

    Raises:
        ConfigError: They do not compose.
        OutsideError: The task that they choose needs what is not installed.
    """
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.types import RunMode

    if any(arg.startswith("-") and arg not in MULTIRUN for arg in args):
        return
    overrides = [arg for arg in args if arg not in MULTIRUN]
    mode = RunMode.RUN if len(overrides) == len(args) else RunMode.MULTIRUN
    with _hydra_errors_explained(), initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        hydra_app = GlobalHydra.instance().hydra
        assert hydra_app is not None
        config = hydra_app.compose_config("config", overrides, run_mode=mode, with_log_configuration=False)
    planned = config.dry_run or OmegaConf.select(config, "hydra.sweeper.dry_run")
    several = any(arg.startswith("task=") and len(split_commas(arg)) > 1 for arg in args)
    if not planned and not several:
        check_installed(str(config.trainer))


def check_meant(args: Sequence[str]) -> None:
    """Find what composes and does something else than its user meant.

    Args:
        args: The command line in Hydra's terms.

    Raises:
        ConfigError: A rule is switched off that is not there, or a plan is asked for without ``-m``.
    """
    overrides = [arg for arg in args if _is_override(arg)]
    off = switched_off(overrides)
    if off:
        rest = [arg for arg in overrides if arg not in off and not arg.startswith("hydra")]
        refuse_unknown_entries(off, composed(rest)[0])
    of_study = [] if is_multirun(args) else settings_of_study(overrides, own_knobs())
    if "dry_run=true" in of_study:
        raise ConfigError(
            "dry_run=true shows the plan of a study, but without -m only one job is trained: add -m"
        )
    if of_study:
        given = ", ".join(of_study)
        print(f"autoloop: without -m only one job is trained, whatever {given} says: add -m", file=sys.stderr)


def check_installed(trainer: str) -> None:
    """Find out before any job starts whether the chosen task is installed, as far as it can tell.

    Raises:
        OutsideError: It needs an extra that is missing.
    """
    module = trainer.rpartition(".")[0]
    if module.startswith("autoloop.tasks."):
        getattr(import_module(module), "check_installed", lambda: None)()


@contextmanager
def _hydra_errors_explained() -> Iterator[None]:
    """Turn what Hydra raises into a `ConfigError` that names what was meant."""
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            valid = compose("config", return_hydra_config=True)
        raise ConfigError(hydra_message(error, valid, sorted(config_groups()))) from error


if __name__ == "__main__":
    main()
