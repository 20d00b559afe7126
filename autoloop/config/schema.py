"""The structured configs of autoloop's Hydra plugins.

They stand here, not in the plugins, because Hydra scans every module there. Values are ``Any`` with
an interpolation, so that an app may keep its knobs at the top level (``gpus: [0, 1]``), and one
without such keys works as well. Knobs whose names other apps use for things of their own (``strategy``,
``metrics``, ``seed`` ...) are looked up under ``autoloop.`` instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class SlotsLauncherConf:
    """Settings of ``hydra/launcher=slots``.

    Attributes:
        gpus: GPU ids, ``auto`` for all that are visible, ``[]`` for none.
        n_jobs: Jobs at a time; null for as many as there are slots (without GPUs: cores).
        jobs_per_gpu: How many jobs share one GPU.
        gpus_per_job: How many GPUs one job gets.
        timeout_min: Minutes until a job is ended; null for no limit.
        stall_min: Minutes without growth of its log or history until a job is ended; null for no limit.
        grace_s: Seconds a job has to end once it is asked to.
        stagger_s: Least seconds between the starts of two jobs.
        min_free_mem_gb: GPU memory in GB that must be free before a job starts there; null to not look.
        preload: Modules imported once for all jobs, for instance ``[torch, accelerate, wandb]``; null for
            none.
    """

    _target_: str = "hydra_plugins.autoloop.launcher.SlotsLauncher"
    _recursive_: bool = False
    gpus: Any = "${oc.select:gpus,auto}"
    n_jobs: Any = "${oc.select:n_jobs,null}"
    jobs_per_gpu: Any = "${oc.select:jobs_per_gpu,1}"
    gpus_per_job: Any = "${oc.select:gpus_per_job,1}"
    timeout_min: Any = "${oc.select:timeout_min,null}"
    stall_min: Any = "${oc.select:stall_min,null}"
    grace_s: Any = "${oc.select:grace_s,10}"
    stagger_s: Any = "${oc.select:stagger_s,0}"
    min_free_mem_gb: Any = "${oc.select:min_free_mem_gb,null}"
    preload: Any = "${oc.select:autoloop.preload,null}"


@dataclass
class SlurmLauncherConf:
    """Settings of ``hydra/launcher=slurm``.

    Attributes:
        n_jobs: Jobs that are out at a time, those that wait in SLURM's queue included; null for any number.
        partition: Partition; null, as with what follows, for the cluster's default.
        account: Account.
        qos: Quality of service.
        gres: Generic resources of a job, for instance ``gpu:1``.
        cpus_per_task: Cores of a job.
        mem_gb: Memory of a job in GB.
        time_min: Time limit that SLURM keeps, in minutes; it must hold the grace and a minute more.
        nodes: Nodes of a job. The trainer starts once, on the first of them.
        sbatch: Further options of sbatch by their long names, for instance ``{constraint: a100}``; or null.
        setup: Lines of shell run before each job, for instance ``[module load cuda]``; or null.
        requeue: Whether SLURM may start a job again that it preempted or whose node died.
        python: Command that runs Python on a node; null for this interpreter.
        timeout_min: Minutes until a job is ended, counted from its start; null for no limit.
        stall_min: Minutes without growth of its log or history until a job is ended; null for no limit.
        grace_s: Seconds a job has to end once it is asked to; less than SLURM's own KillWait.
        poll_s: Seconds between two looks at the queue and the results.
        lost_after_s: Seconds after which a job that left the queue without a word is given up.
    """

    _target_: str = "hydra_plugins.autoloop.slurm.SlurmLauncher"
    _recursive_: bool = False
    n_jobs: Any = "${oc.select:n_jobs,null}"
    partition: Any = None
    account: Any = None
    qos: Any = None
    gres: Any = None
    cpus_per_task: Any = None
    mem_gb: Any = None
    time_min: Any = None
    nodes: Any = 1
    sbatch: Any = None
    setup: Any = None
    requeue: Any = True
    python: Any = None
    timeout_min: Any = "${oc.select:timeout_min,null}"
    stall_min: Any = "${oc.select:stall_min,null}"
    grace_s: Any = "${oc.select:grace_s,10}"
    poll_s: Any = 5
    lost_after_s: Any = 30


#: The file that holds, and a place for each of its keys, so that ``metrics.objective=val/acc`` can be said.
METRICS = {
    "use": "${oc.select:autoloop.metrics,general}",
    **dict.fromkeys(("objective", "stat", "goals", "aliases", "finite", "known", "steps_key")),
}


@dataclass
class SweeperConf:
    """Settings of ``hydra/sweeper=autoloop``.

    Attributes:
        rounds: Rounds in all; round 1 is the baseline and the variants.
        variants_per_run: Jobs of a later round for each of round 1; of `strategy=rules`, children of each
            finished run, at most.
        variants: The user's variants of round 1, in any form that `autoloop.edits.variants.parse_entries`
            reads.
        edits: Edits of the baseline; a comma list of values makes variants.
        rules: Name of a file in conf/rules, or rule name -> its settings.
        bounds: Name of a file in conf/bounds, or path pattern -> [low, high]; null for none.
        metrics: Name of a file in conf/metrics, or its content; or single keys of it over the file ``use``.
        direction: ``minimize`` or ``maximize`` the objective; null for what its name or the results say.
        strategy: Name of a file in conf/strategy, or its content.
        seed: Seed of the study, for strategies that draw.
        ignored: Knobs that the trainer does not heed: path -> why, or {why: ..., while: {path: value}}.
        max_jobs: Jobs in all; null for no limit.
        max_hours: Hours of running in all, over restarts; null for no limit.
        max_failures: So many failed jobs in a row end the study; null for no limit.
        retries: How often a failed job is tried again.
        fail_fast: Whether the first failed job ends the study.
        until: Name of a file in conf/until, or its content: conditions of which a job must meet all to end
            the study.
        patience: Rounds in a row without a gain over the noise that end the study; null for no limit.
        racing: So many further seeds, at most, for leaders of a round that cannot be told apart, before
            children are made of them; 0 for none.
        minimal: Whether the winner's edits that do nothing are looked for and taken back at the end.
        confirm: So many fresh seeds on which winner and baseline run at the end; ``auto``: 3 from
            24 jobs on.
        noise: ``{repeats: 0, seed: null}``: how often the baseline is run again with another seed in round 1,
            and the path of the seed where it is not one of the usual ones.
        cooldown: Rounds for which a rule that made things worse is not asked again on that lineage.
        freeze: Whether a step on a knob that had no effect is not tried again.
        scorecard: File that carries the scorecard of rules from study to study; null for none.
        stop_rules: Name of a file in conf/stop_rules, or rule name -> its settings: when a running job is
            ended.
        protect_top: So many of the best running jobs are never ended for being behind.
        watch_s: Seconds between two looks at the running jobs.
        barrier: Whether a round is decided about when it is complete; false: whenever a slot is free.
        quorum: Share of a round's jobs that must have ended for it to be complete.
        refill: Whether the slot of a job that a stop rule ended goes to another idea at once.
        max_batch_size: Jobs handed to the launcher at once; null for a whole round.
        n_jobs: Jobs out at once through launchers without slots; null for no limit but theirs.
        timeout_min: Minutes until a job is ended, under launchers that leave that to us; null for no limit.
        dry_run: Print the plan and run nothing.
        resume: What to do with a study that is in the directory already (`autoloop.config.settings.Resume`).
        live: Whether to draw the study on the terminal (`autoloop.config.settings.Live`).
        notify: Whom to tell of rounds, failures and the winner (`autoloop.config.notify.NotifySettings`).
    """

    _target_: str = "hydra_plugins.autoloop.sweeper.AutoloopSweeper"
    _recursive_: bool = False
    rounds: Any = "${oc.select:rounds,1}"
    variants_per_run: Any = "${oc.select:variants_per_run,1}"
    variants: Any = "${oc.select:autoloop.variants,null}"
    edits: Any = field(default_factory=list)
    rules: Any = "${oc.select:autoloop.rules,general}"
    bounds: Any = "${oc.select:autoloop.bounds,null}"
    metrics: Any = field(default_factory=lambda: dict(METRICS))
    direction: Any = "${oc.select:autoloop.direction,null}"
    strategy: Any = "${oc.select:autoloop.strategy,mixed}"
    seed: Any = "${oc.select:autoloop.seed,0}"
    ignored: Any = "${oc.select:autoloop.ignored,null}"
    max_jobs: Any = "${oc.select:max_jobs,null}"
    max_hours: Any = "${oc.select:max_hours,null}"
    max_failures: Any = "${oc.select:max_failures,null}"
    retries: Any = "${oc.select:autoloop.retries,0}"
    fail_fast: Any = "${oc.select:fail_fast,false}"
    until: Any = "${oc.select:autoloop.until,none}"
    patience: Any = "${oc.select:autoloop.patience,null}"
    racing: Any = "${oc.select:autoloop.racing,0}"
    minimal: Any = "${oc.select:autoloop.minimal,false}"
    confirm: Any = "${oc.select:autoloop.confirm,auto}"
    noise: Any = "${oc.select:autoloop.noise,null}"
    cooldown: Any = "${oc.select:autoloop.cooldown,2}"
    freeze: Any = "${oc.select:autoloop.freeze,true}"
    scorecard: Any = "${oc.select:autoloop.scorecard,null}"
    stop_rules: Any = "${oc.select:autoloop.stop_rules,general}"
    protect_top: Any = "${oc.select:autoloop.protect_top,1}"
    watch_s: Any = "${oc.select:autoloop.watch_s,2.0}"
    barrier: Any = "${oc.select:autoloop.barrier,true}"
    quorum: Any = "${oc.select:autoloop.quorum,1.0}"
    refill: Any = "${oc.select:autoloop.refill,true}"
    max_batch_size: Any = None
    n_jobs: Any = "${oc.select:n_jobs,null}"
    timeout_min: Any = "${oc.select:timeout_min,null}"
    dry_run: Any = "${oc.select:dry_run,false}"
    resume: Any = "${oc.select:autoloop.resume,auto}"
    live: Any = "${oc.select:autoloop.live,auto}"
    notify: Any = "${oc.select:autoloop.notify,null}"
