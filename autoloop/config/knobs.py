"""The table of all settings of autoloop's Hydra plugins, each described once.

`autoloop.config.schema` builds nodes of Hydra's config from it, `autoloop.config.settings` reads values with
it, and ``docs/generate.py`` writes docs/settings.md and the comments of conf/config.yaml from it. It is
imported at every start of any Hydra app, so it imports nothing that takes time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from autoloop.config.kinds import (
    AtOnce,
    AutoOr,
    Minutes,
    OneOf,
    Own,
    Positive,
    Switch,
    Text,
    ValueKind,
    Whole,
)

#: The section of an app's config in which the plugins look for what is not set in theirs.
SECTION = "autoloop"
#: A reference in it to a key at the top of the config, with a default or without.
TOP_KEY = re.compile(r"\$\{(?:oc\.select:)?(\w+)(?:,[^{}]*)?\}")

Resume = Literal["true", "auto", "force", "false"]
"""What to do if the directory already holds a study.

``true``: continue it; a finished one is left as it is. ``auto``: continue an unfinished one; a finished one
is moved aside and a new one begins, as users of other sweepers expect. ``force``: continue even if its
settings have changed. ``false``: refuse.
"""

Live = Literal["auto", "true", "false"]
"""Whether to draw a study on the terminal while it runs. Without a terminal, lines are always printed.

``auto``: if the launcher keeps the output of jobs off the terminal, as ``slots`` does. ``true``: with any
launcher. ``false``: never.
"""

Detail = Literal["quiet", "short", "full"]
"""How much is printed about a study, in its plan and while it runs.

``quiet``: the log has only errors, warnings and the result. ``short``: one line for each job. ``full``: the
plan also shows the command and directory of each job, and what each rule would change.
"""


STRATEGY_KEYS = (
    *("_target_", "size", "rules_share", "outside_share", "parents", "sampler", "space", "span"),
    *("first_reach", "proposer"),
)
"""Settings of the mixed strategy, and the class of another one."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting.

    Attributes:
        name: As in ``hydra.sweeper.<name>`` or ``hydra.launcher.<name>``.
        kind: The values it takes.
        default: Its value if it is set nowhere.
        about: What it is, in a few words.
        shared: Whether ``autoloop.<name>`` of an app's config sets it too.
        keys: Keys that can be set one by one, as ``<name>.<key>``, on top of the file that ``use`` names.
        may_change: Whether a study may continue with another value: the setting says how long, where and how
            the study runs, not what a job does, so it is no part of a job's identity.
    """

    name: str
    kind: ValueKind
    default: Any
    about: str
    shared: bool = True
    may_change: bool = False
    keys: tuple[str, ...] = ()

    def read(self, given: Mapping[str, Any]) -> Any:
        """Return the value in a mapping, or the default if it is missing or null.

        For a setting that names a file or holds its content, null has a meaning: no rules, no bounds.

        Raises:
            SettingError: It cannot be used.
        """
        value = given.get(self.name, self.default)
        if value is None and not isinstance(self.kind, Own):
            value = self.default
        return None if value is None else self.kind.read(self.name, value)


def _free(name: str, kind: ValueKind, default: Any, about: str) -> Setting:
    """A setting that may have another value when a study continues."""
    return Setting(name, kind, default, about, may_change=True)


def _file(group: str, content: str = "") -> Own:
    return Own(f"name of a file in conf/{group}, or {content or 'its content'}")


SWEEPER: tuple[Setting, ...] = (
    _free("rounds", Whole(1), 1, "number of rounds; round 1 runs the baseline and the variants"),
    Setting("variants_per_run", Whole(1), 1, "jobs of a later round for each job of round 1"),
    Setting("variants", Own("variants: docs/edits.md"), None, "your own variants for round 1"),
    Setting(
        "edits",
        Own("list of edits"),
        (),
        "edits of the baseline; a comma list of values makes variants",
        shared=False,
    ),
    Setting(
        "rules",
        _file("rules", "rule name -> its settings"),
        "general",
        "rules that propose the next jobs from what a job logged",
    ),
    Setting(
        "params",
        Own("path -> value in Hydra's notation: interval(0, 1), choice(a, b); or an entry of `space`"),
        None,
        "overrides and sweeps, as on the command line: docs/spaces.md",
        shared=False,
    ),
    Setting(
        "space",
        Own("path -> interval(0, 1), [low, high], {choices: [..]}, null, false: docs/spaces.md"),
        None,
        "what the sampler may change, in addition to strategy.space",
    ),
    Setting(
        "bounds",
        _file("bounds", "path pattern -> [low, high]"),
        None,
        "lowest and highest value an edit may set",
    ),
    Setting(
        "metrics",
        _file("metrics", "its content, or single keys on top of the file `use`"),
        "general",
        "the objective, goals and names of metrics",
        keys=("objective", "stat", "goals", "aliases", "finite", "known", "steps_key", "lines"),
    ),
    Setting(
        "direction",
        Own("minimize or maximize, or a list of them"),
        None,
        "whether a lower or higher objective is better; null: decided by its name or the results",
    ),
    Setting(
        "objectives",
        Own("metric or returned number -> min or max: docs/objectives.md"),
        None,
        "several objectives: the study searches for their Pareto front",
    ),
    Setting(
        "constraints",
        Own('number of a job -> "<= 20": docs/objectives.md'),
        None,
        "limits that a job has to keep; a job that breaks one never wins",
    ),
    Setting(
        "strategy",
        Own("name of a file in conf/strategy, its content, or single keys on top of the file `use`"),
        "mixed",
        "what fills the next rounds: docs/strategies.md",
        keys=STRATEGY_KEYS,
    ),
    Setting(
        "sampler",
        Own("name of a sampler: docs/strategies.md; or {_target_: one of Optuna's}"),
        None,
        "how points of the space are chosen; null: as the strategy says",
    ),
    _free(
        "probe",
        Own("true, false or {steps: .., every: ..}"),
        True,
        "begin with short jobs that find the size of the learning rate",
    ),
    Setting("seed", Whole(0), 0, "seed of the study, for strategies that draw at random"),
    Setting(
        "ignored",
        Own("path -> why, or {why: ..., while: {path: value}}"),
        None,
        "values that the trainer ignores; they are never changed",
    ),
    _free("max_jobs", Whole(1), None, "largest number of jobs"),
    _free("n_trials", Whole(1), None, "number of jobs, in as many rounds as they need"),
    _free("max_hours", Positive(), None, "largest number of hours, restarts included"),
    _free("max_steps", Whole(1), None, "largest number of training steps of all jobs together"),
    _free("max_failures", Whole(1), None, "end the study after this many failed jobs in a row"),
    _free(
        "max_failure_rate",
        Own("share from 0 to 1"),
        None,
        "exit code 0 up to this share of failed jobs; null: none may fail",
    ),
    _free("retries", Whole(0), 0, "how often a failed job is tried again"),
    _free("fail_fast", Switch(), False, "end the study at the first failed job"),
    _free("until", _file("until"), "none", "end the study when a job meets all these conditions"),
    _free(
        "patience",
        Whole(1),
        None,
        "end the study after this many rounds in a row without a gain beyond the noise",
    ),
    _free(
        "racing",
        Whole(0),
        0,
        "experimental: further seeds, at most, for the best jobs before they become parents",
    ),
    _free("seeds", Whole(1), 1, "seeds for each job of the search; its result is their mean"),
    _free(
        "minimal",
        Switch(),
        False,
        "at the end, find the winner's edits that have no effect and undo them",
    ),
    _free(
        "confirm",
        AutoOr(Whole(0)),
        "auto",
        "fresh seeds for winner and baseline at the end; auto: 3 in studies of 24 jobs or more",
    ),
    _free(
        "climb",
        Own("list of lengths, ascending"),
        None,
        "lengths of runs: the search uses the first, its best jobs are trained to the next: docs/climb.md",
    ),
    _free(
        "keep",
        Own("list of whole numbers above 0"),
        None,
        "number of jobs that go on at each step of the climb; null: 4, and 1 at the last",
    ),
    _free(
        "climb_knob",
        Text(),
        None,
        "path of a training's length in the config; null: one of the usual",
    ),
    _free(
        "continues",
        Own("{checkpoint: ..., keep: {...}, set: {...}}: docs/climb.md"),
        None,
        "how a run continues from the checkpoint of another; null: it starts from the beginning",
    ),
    _free(
        "warm_start",
        Switch(),
        False,
        "children continue from a checkpoint halfway through their parent's run: docs/climb.md",
    ),
    Setting(
        "noise",
        Own("{repeats: 0, seed: null}"),
        None,
        "repeats of the baseline in round 1, and the path of the seed",
    ),
    Setting(
        "cooldown",
        Whole(0),
        2,
        "rounds for which a rule that made a lineage worse is not asked about it again",
    ),
    Setting("freeze", Switch(), True, "do not repeat a change that had no effect"),
    Setting(
        "learn_from",
        Own("auto, or directories of earlier studies"),
        None,
        "earlier studies of this app whose results are evidence for this one: docs/memory.md",
    ),
    Setting("scorecard", Text(), None, "file that keeps the scorecard of rules from study to study"),
    Setting(
        "stop_rules",
        _file("stop_rules", "rule name -> its settings"),
        "general",
        "when to end a running job early",
    ),
    Setting("protect_top", Whole(0), 1, "number of best running jobs that are never ended for being behind"),
    _free("watch_s", Positive(), 2.0, "seconds between two checks of the stop rules"),
    Setting(
        "barrier",
        Switch(),
        True,
        "choose new jobs when the round is complete; false: whenever a slot is free",
    ),
    Setting(
        "quorum",
        Positive(1.0),
        1.0,
        "share of jobs that completes a round; 0.9: the last tenth counts for the next decision",
    ),
    Setting("refill", Switch(), True, "give the slot of a stopped job to the next idea at once"),
    Setting(
        "max_batch_size",
        Whole(1),
        None,
        "jobs handed to the launcher at once; null: a whole round",
        shared=False,
    ),
    _free("approve", Switch(), False, "each round waits for your approval: docs/live.md"),
    _free(
        "approve_timeout_min",
        Minutes(),
        60,
        "minutes without an answer after which a waiting round runs",
    ),
    _free(
        "n_jobs",
        AtOnce(),
        None,
        "jobs at a time with launchers without slots; null: the launcher's own limit",
    ),
    _free(
        "timeout_min",
        Minutes(),
        None,
        "minutes until a job is ended, with launchers that have no limit of their own",
    ),
    _free("dry_run", Switch(), False, "print the plan and run nothing"),
    _free(
        "resume",
        OneOf(get_args(Resume)),
        "auto",
        "continue the study in hydra.sweep.dir; `force`: even if its settings changed",
    ),
    Setting(
        "live",
        OneOf(get_args(Live)),
        "auto",
        "draw the study on the terminal; false: plain lines; true: with any launcher",
    ),
    _free("serve", Switch(), False, "show the study in a browser while it runs: docs/live.md"),
    _free(
        "detail",
        OneOf(get_args(Detail)),
        "short",
        "how much plan and log show: quiet, short, or full (also all commands and what rules would do)",
    ),
    _free(
        "storage", Text(), None, "Optuna storage (sqlite:///x.db) that gets a copy of the study while it runs"
    ),
    _free("study_name", Text(), None, "name of that copy; null: the name of the study's directory"),
    Setting(
        "notify",
        Own("{command: ..., timeout_s: 10, failures: 3}"),
        None,
        "send a message about rounds, failures and the winner: docs/live.md",
    ),
)

_LIMITS = (
    _free("timeout_min", Minutes(), None, "minutes until a job is ended"),
    _free(
        "stall_min", Minutes(), None, "minutes without new lines in its log or history until a job is ended"
    ),
    _free("grace_s", Own("number of 0 or more"), 10, "seconds a job has to end after it is asked to"),
)

SLOTS: tuple[Setting, ...] = (
    _free("gpus", Own("list of ids, or auto"), "auto", "GPU ids; `auto`: all that are visible; []: none"),
    _free("n_jobs", AtOnce(), None, "number of slots; null: one per GPU, without GPUs one per core"),
    _free("jobs_per_gpu", Whole(1), 1, "jobs that share one GPU"),
    _free("gpus_per_job", Whole(1), 1, "GPUs for one job"),
    *_LIMITS,
    _free("stagger_s", Own("number of 0 or more"), 0, "seconds, at least, between the starts of two jobs"),
    _free(
        "min_free_mem_gb",
        Own("number of 0 or more"),
        None,
        "GB of GPU memory that must be free before a job starts",
    ),
    Setting("preload", Own("list of modules"), None, "modules that are imported once for all jobs"),
)


def _slurms(name: str, kind: ValueKind, default: Any, about: str) -> Setting:
    return Setting(name, kind, default, about, shared=False)


SLURM: tuple[Setting, ...] = (
    _free("n_jobs", AtOnce(), None, "submitted jobs at a time, those waiting in SLURM's queue included"),
    _slurms("partition", Text(), None, "partition; null: the cluster's default, as for the settings below"),
    _slurms("account", Text(), None, "account"),
    _slurms("qos", Text(), None, "quality of service"),
    _slurms("gres", Text(), None, "generic resources of a job, for instance `gpu:1`"),
    _slurms("cpus_per_task", Whole(1), None, "cores of a job"),
    _slurms("mem_gb", Own("number of 0 or more"), None, "memory of a job in GB"),
    _slurms(
        "time_min",
        Minutes(),
        None,
        "SLURM's time limit in minutes; longer than grace_s plus one minute",
    ),
    _slurms("nodes", Whole(1), 1, "nodes of a job; the trainer starts once, on the first node"),
    _slurms("sbatch", Own("option -> value"), None, "further options of sbatch, by their long names"),
    _slurms(
        "setup",
        Own("list of lines"),
        None,
        "shell lines that run before each job, for instance [module load cuda]",
    ),
    _slurms("requeue", Switch(), True, "let SLURM start a job again if it was preempted or its node died"),
    _slurms("python", Text(), None, "command that runs Python on a node; null: this interpreter"),
    *_LIMITS,
    _slurms(
        "poll_s", Own("number of 0 or more"), 5, "seconds between two checks of the queue and the results"
    ),
    _slurms(
        "lost_after_s",
        Own("number of 0 or more"),
        30,
        "seconds until a job that left the queue without a result counts as failed",
    ),
)

#: Everything that ``autoloop.<name>`` sets. A setting that several plugins have stands here as slots has it.
SHARED: Mapping[str, Setting] = {knob.name: knob for knob in (*SLURM, *SWEEPER, *SLOTS) if knob.shared}
