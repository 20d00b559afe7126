"""Every setting of autoloop's Hydra plugins, once: the table that all that is said of settings is made of.

`autoloop.config.schema` makes nodes of Hydra's config of it, `autoloop.config.settings` reads values by
it, ``docs/generate.py`` makes docs/settings.md and the lines of conf/config.yaml of it. It is imported at
every start of any Hydra app, so it imports nothing that takes time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from autoloop.config.kinds import AutoOr, Minutes, Own, Positive, Switch, Text, ValueKind, Whole, Word

#: The section of an app's config in which the plugins look for what is not set in theirs.
SECTION = "autoloop"
#: A reference in it to a key at the top of the config, with a default or without.
TOP_KEY = re.compile(r"\$\{(?:oc\.select:)?(\w+)(?:,[^{}]*)?\}")

Resume = Literal["true", "auto", "force", "false"]
"""What to do with a study that is in the directory already.

``true``: go on with it; a finished one is left as it is. ``auto``: go on with an unfinished one; a finished
one is moved aside and a new one begins, as users of other sweepers expect. ``force``: go on even if its
settings changed. ``false``: refuse.
"""

Live = Literal["auto", "true", "false"]
"""Whether to draw a study on the terminal while it runs; where there is none, lines are printed always.

``auto``: if the launcher keeps the output of jobs off the terminal, as ``slots`` does. ``true``: with any
launcher. ``false``: never.
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
        default: What holds where it is set nowhere.
        about: What it is, in a few words.
        shared: Whether ``autoloop.<name>`` of an app's config sets it too.
        keys: What may be said of it one by one, as ``<name>.<key>``, over the file that ``use`` names.
        may_change: Whether a study may go on with another value: it says how long the study runs, where
            and how, not what a job does, and is no part of a job's identity.
    """

    name: str
    kind: ValueKind
    default: Any
    about: str
    shared: bool = True
    may_change: bool = False
    keys: tuple[str, ...] = ()

    def read(self, given: Mapping[str, Any]) -> Any:
        """Return the value in a mapping, the default where it has none or null.

        Where a file or its content is named, null says something of its own: no rules, no bounds.

        Raises:
            SettingError: It cannot be used.
        """
        value = given.get(self.name, self.default)
        if value is None and not isinstance(self.kind, Own):
            value = self.default
        return None if value is None else self.kind.read(self.name, value)


def _free(name: str, kind: ValueKind, default: Any, about: str) -> Setting:
    """A knob with which a study may go on at another value."""
    return Setting(name, kind, default, about, may_change=True)


def _file(group: str, content: str = "") -> Own:
    return Own(f"name of a file in conf/{group}, or {content or 'its content'}")


SWEEPER: tuple[Setting, ...] = (
    _free("rounds", Whole(1), 1, "rounds in all; round 1 is the baseline and the variants"),
    Setting("variants_per_run", Whole(1), 1, "jobs of a later round for each of round 1"),
    Setting("variants", Own("variants: docs/edits.md"), None, "the user's variants of round 1"),
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
        "who makes children of what a run logged",
    ),
    Setting(
        "params",
        Own("path -> value as Hydra writes it: interval(0, 1), choice(a, b); an entry of space"),
        None,
        "overrides and sweeps, as if they stood on the command line: docs/spaces.md",
        shared=False,
    ),
    Setting(
        "space",
        Own("path -> interval(0, 1), [low, high], {choices: [..]}, null, false: docs/spaces.md"),
        None,
        "what the sampler turns, beside what strategy.space says",
    ),
    Setting("bounds", _file("bounds", "path pattern -> [low, high]"), None, "limits of what an edit may set"),
    Setting(
        "metrics",
        _file("metrics", "its content, or single keys of it over the file `use`"),
        "general",
        "names of metrics, their goals, the objective",
        keys=("objective", "stat", "goals", "aliases", "finite", "known", "steps_key", "lines"),
    ),
    Setting(
        "direction",
        Own("minimize or maximize, or a list of them"),
        None,
        "which way the objective is better; null: what its name or the results say",
    ),
    Setting(
        "objectives",
        Own("metric or returned number -> min or max: docs/objectives.md"),
        None,
        "several objectives: the study looks for their front",
    ),
    Setting(
        "constraints",
        Own('number of a job -> "<= 20": docs/objectives.md'),
        None,
        "limits that a job has to keep; one that does not never wins",
    ),
    Setting(
        "strategy",
        Own("name of a file in conf/strategy, its content, or single keys of it over the file `use`"),
        "mixed",
        "who fills the next round",
        keys=STRATEGY_KEYS,
    ),
    Setting(
        "sampler",
        Own("name of a sampler: docs/strategies.md; or {_target_: one of Optuna's}"),
        None,
        "who chooses points of the space; null: what the strategy has",
    ),
    Setting("seed", Whole(0), 0, "seed of the study, for strategies that draw"),
    Setting(
        "ignored",
        Own("path -> why, or {why: ..., while: {path: value}}"),
        None,
        "knobs that the trainer does not heed",
    ),
    _free("max_jobs", Whole(1), None, "jobs in all"),
    _free(
        "n_trials", Whole(1), None, "jobs in all, in as many rounds as they need: a search of so many trials"
    ),
    _free("max_hours", Positive(), None, "hours of running in all, over restarts"),
    _free("max_steps", Whole(1), None, "training steps in all, of every job together"),
    _free("max_failures", Whole(1), None, "so many failed jobs in a row end the study"),
    _free(
        "max_failure_rate",
        Own("share from 0 to 1"),
        None,
        "up to this share of failed jobs the study ends with exit code 0; null: none may fail",
    ),
    _free("retries", Whole(0), 0, "how often a failed job is tried again"),
    _free("fail_fast", Switch(), False, "the first failed job ends the study"),
    _free("until", _file("until"), "none", "conditions of which a job must meet all to end the study"),
    _free("patience", Whole(1), None, "so many rounds in a row without a gain over the noise end the study"),
    _free(
        "racing", Whole(0), 0, "so many further seeds, at most, tell leaders apart before they become parents"
    ),
    _free("seeds", Whole(1), 1, "so many seeds for each job of the search, its result is their average"),
    _free(
        "minimal",
        Switch(),
        False,
        "at the end the winner's edits that do nothing are looked for and taken back",
    ),
    _free(
        "confirm",
        AutoOr(Whole(0)),
        "auto",
        "fresh seeds on which winner and baseline run at the end; auto: 3 where it is worth it",
    ),
    Setting(
        "noise", Own("{repeats: 0, seed: null}"), None, "repeats of the baseline in round 1, path of the seed"
    ),
    Setting(
        "cooldown",
        Whole(0),
        2,
        "rounds for which a rule that made things worse is not asked again on that lineage",
    ),
    Setting("freeze", Switch(), True, "a step on a knob that had no effect is not tried again"),
    Setting("scorecard", Text(), None, "file that carries the scorecard of rules from study to study"),
    Setting(
        "stop_rules",
        _file("stop_rules", "rule name -> its settings"),
        "general",
        "when a running job is ended",
    ),
    Setting("protect_top", Whole(0), 1, "so many of the best running jobs are never ended for being behind"),
    _free("watch_s", Positive(), 2.0, "seconds between two looks of the stop rules"),
    Setting(
        "barrier",
        Switch(),
        True,
        "a round is decided about when it is complete; false: whenever a slot is free",
    ),
    Setting(
        "quorum",
        Positive(1.0),
        1.0,
        "0.9: nine of ten jobs make a round complete, the stragglers feed the next decision",
    ),
    Setting(
        "refill", Switch(), True, "the slot of a job that a stop rule ended goes to another idea at once"
    ),
    Setting(
        "max_batch_size",
        Whole(1),
        None,
        "jobs handed to the launcher at once; null: a whole round",
        shared=False,
    ),
    _free(
        "n_jobs",
        Whole(1),
        None,
        "jobs out at once through launchers without slots; null: no limit but theirs",
    ),
    _free(
        "timeout_min", Minutes(), None, "minutes until a job is ended, under launchers that leave that to us"
    ),
    _free("dry_run", Switch(), False, "print the plan, run nothing"),
    _free(
        "resume",
        Word(get_args(Resume)),
        "auto",
        "the same hydra.sweep.dir goes on where it stopped; `force`: even if the settings changed",
    ),
    Setting(
        "live",
        Word(get_args(Live)),
        "auto",
        "draw the study on the terminal; false: plain lines, true: with any launcher",
    ),
    _free(
        "storage", Text(), None, "an Optuna storage, sqlite:///x.db, where the study is kept too, as it goes"
    ),
    _free("study_name", Text(), None, "its name there; null: that of the study's directory"),
    Setting(
        "notify",
        Own("{command: ..., timeout_s: 10, failures: 3}"),
        None,
        "tell of rounds, failures and the winner: docs/live.md",
    ),
)

_LIMITS = (
    _free("timeout_min", Minutes(), None, "minutes until a job is ended"),
    _free("stall_min", Minutes(), None, "minutes without growth of its log or history until a job is ended"),
    _free("grace_s", Own("number of 0 or more"), 10, "seconds a job has to end once it is asked to"),
)

SLOTS: tuple[Setting, ...] = (
    _free("gpus", Own("list of ids, or auto"), "auto", "GPU ids, `auto` for all that are there, [] for none"),
    _free("n_jobs", Whole(1), None, "slots; null: one per GPU, without GPUs one per core"),
    _free("jobs_per_gpu", Whole(1), 1, "how many jobs share one GPU"),
    _free("gpus_per_job", Whole(1), 1, "how many GPUs one job gets"),
    *_LIMITS,
    _free("stagger_s", Own("number of 0 or more"), 0, "least seconds between the starts of two jobs"),
    _free(
        "min_free_mem_gb",
        Own("number of 0 or more"),
        None,
        "GPU memory that must be free before a job starts there",
    ),
    Setting("preload", Own("list of modules"), None, "modules imported once for all jobs"),
)


def _slurms(name: str, kind: ValueKind, default: Any, about: str) -> Setting:
    return Setting(name, kind, default, about, shared=False)


SLURM: tuple[Setting, ...] = (
    _free("n_jobs", Whole(1), None, "jobs that are out at a time, those that wait in SLURM's queue included"),
    _slurms("partition", Text(), None, "partition; null, as with what follows: the cluster's default"),
    _slurms("account", Text(), None, "account"),
    _slurms("qos", Text(), None, "quality of service"),
    _slurms("gres", Text(), None, "generic resources of a job, for instance `gpu:1`"),
    _slurms("cpus_per_task", Whole(1), None, "cores of a job"),
    _slurms("mem_gb", Own("number of 0 or more"), None, "memory of a job in GB"),
    _slurms("time_min", Minutes(), None, "SLURM's own time limit; it must hold the grace and a minute more"),
    _slurms("nodes", Whole(1), 1, "nodes of a job; the trainer starts once, on the first of them"),
    _slurms("sbatch", Own("option -> value"), None, "further options of sbatch by their long names"),
    _slurms(
        "setup", Own("list of lines"), None, "shell run before each job, for instance [module load cuda]"
    ),
    _slurms("requeue", Switch(), True, "SLURM may start a job again that it preempted or whose node died"),
    _slurms("python", Text(), None, "command that runs Python on a node; null: this interpreter"),
    *_LIMITS,
    _slurms(
        "poll_s", Own("number of 0 or more"), 5, "seconds between two looks at the queue and the results"
    ),
    _slurms(
        "lost_after_s",
        Own("number of 0 or more"),
        30,
        "seconds after which a job that left the queue without a word is given up",
    ),
)

#: All that ``autoloop.<name>`` sets, each once: where several plugins have it, as slots has it.
SHARED: Mapping[str, Setting] = {knob.name: knob for knob in (*SLURM, *SWEEPER, *SLOTS) if knob.shared}
