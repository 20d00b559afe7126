"""Studies written by hand, as a journal would tell them."""

import math

import numpy as np

from autoloop.history.series import Series
from tests.helpers.studies import replay

EVAL, L1, PI, OT, GRAD = (
    "eval/offline_eval/avg_l1",
    "train/l1_loss",
    "train/ot_pi_sum",
    "train/ot_loss",
    "train/grad_norm",
)
BASE = {
    "ot.loss_config.reg": 0.1,
    "ot.loss_config.tau_src": 0.05,
    "ot.loss_config.tau_tgt": 0.05,
    "ot.lambda_ot": 0.1,
    "optimizer.lr": 0.0003,
    "batch_size": 8,
}
START = 1_760_000_000.0  # seconds since the epoch: when the sample studies began


def summary_of(first, last, best_step=1800):
    """One metric's entry, as the journal keeps it."""
    delta = last - first
    return {
        "first": first,
        "last": last,
        "best": min(first, last),
        "best_step": best_step,
        "delta": delta,
        "pct": 100 * delta / abs(first) if first else None,
        "count": 40,
    }


def metrics_of(objective, pi=0.5, grad=40.0):
    """A plausible summary of a training that ended at ``objective``."""
    return {
        EVAL: summary_of(0.81, objective),
        L1: summary_of(0.61, objective * 0.9),
        PI: summary_of(pi / 3, pi),
        OT: summary_of(1.2, 0.4),
        GRAD: summary_of(180.0, grad),
    }


def header(**more):
    """The first line of a journal."""
    return {
        "event": "study",
        "time": START,
        "v": 1,
        "task": "act_ot",
        "command": "python -m autoloop.train -m hydra/sweeper=autoloop rounds=3",
        "settings": {"rounds": 3, "variants_per_run": 2},
        "rules": {},
        "objective": {"metric": EVAL, "goal": "min"},
        **more,
    }


def variant(job, name, parent=None, rule="", changes=(), **more):
    """One entry of a round event; ``changes`` are ``(path, old, new)``."""
    return {
        "job": job,
        "name": name,
        "parent": parent,
        "rule": rule,
        "reason": more.get("reason", ""),
        "evidence": more.get("evidence", {}),
        "expects": more.get("expects", ""),
        "edits": [f"{path}@set={new}" for path, _, new in changes],
        "overrides": more.get("overrides", [f"{path}={new}" for path, _, new in changes]),
        "signature": f"sig{job}",
        "changes": [list(change) for change in changes],
        "notes": more.get("notes", []),
    }


def started(job, slot, at):
    """A job event."""
    return {
        "event": "job",
        "time": START + at,
        "job": job,
        "run_dir": str(job),
        "slot": slot,
        "gpus": [str(slot)],
    }


def ended(job, slot, at, seconds, objective=None, state="COMPLETE", **more):
    """A trial event; times in seconds since the study began."""
    fine = state == "COMPLETE"
    return {
        "event": "trial",
        "time": START + at + seconds,
        "job": job,
        "state": state,
        "objective": objective,
        "summary": more.pop("summary", metrics_of(objective) if fine else {}),
        "steps": 2000 if fine else 0,
        "error": more.pop("error", ""),
        "run_dir": str(job),
        "slot": slot,
        "gpus": [str(slot)],
        "started_at": START + at,
        "ended_at": START + at + seconds,
        "exit_code": 0 if fine else 1,
        "signal": None,
        "log": "job.log",
        "log_tail": "step 2000 done\n" if fine else "Traceback\nRuntimeError: boom\n",
        "url": more.pop("url", None),
        "problem": more.pop("problem", "" if fine else "no run-*.wandb under the run dir"),
        "warnings": more.pop("warnings", []),
        **more,
    }


def decision(trial, rule, reason, edits=(), **evidence):
    """One entry of a decisions event."""
    return {
        "trial": trial,
        "rule": rule,
        "reason": reason,
        "evidence": evidence,
        "edits": list(edits),
        "expects": "",
    }


def with_whole_overrides(events):
    """Give each variant its lineage's overrides before its own, as a job needs them."""
    whole = {None: []}
    for event in events:
        for entry in event["variants"] if event["event"] == "round" else ():
            mine = dict(word.split("=") for word in [*whole[entry["parent"]], *entry["overrides"]])
            entry["overrides"] = whole[entry["name"]] = [f"{key}={item}" for key, item in mine.items()]
    return events


def realistic_events():
    """Three rounds of four jobs: one out of memory, one failed, one still running at the end."""
    reg, src, tgt = "ot.loss_config.reg", "ot.loss_config.tau_src", "ot.loss_config.tau_tgt"
    mass = {
        "metric": PI,
        "ot_pi_sum": 1e-6,
        "threshold": 0.001,
        "steps": [1500, 2000],
    }
    tau = ((src, 0.05, 0.8), (tgt, 0.05, 0.8))
    url = "https://wandb.example/users/act/runs/a{}"
    return [
        header(),
        {
            "event": "round",
            "time": START,
            "round": 1,
            "variants": [
                variant(0, "baseline"),
                variant(
                    1,
                    "reg_tau",
                    "baseline",
                    changes=(
                        (reg, 0.1, 0.15),
                        (src, 0.05, 1.0),
                        (tgt, 0.05, 1.0),
                        ("ot.lambda_ot", 0.1, 0.12),
                    ),
                    reason="more transport: wider reg, tau 1",
                ),
                variant(
                    2,
                    "tau2_lam015",
                    "baseline",
                    changes=((src, 0.05, 2.0), (tgt, 0.05, 2.0), ("ot.lambda_ot", 0.1, 0.15)),
                    reason="tau 2 with a larger weight",
                ),
                variant(
                    3,
                    "batch_64",
                    "baseline",
                    changes=(("batch_size", 8, 64),),
                    reason="a larger batch | less noise",
                    notes=["11.2 was rounded to 11"],
                ),
            ],
            "refused": [],
        },
        started(0, 0, 0),
        started(1, 1, 0),
        ended(0, 0, 0, 61, 0.1307, summary=metrics_of(0.1307, pi=1e-6), url=url.format(0)),
        started(2, 0, 62),
        ended(1, 1, 0, 75, 0.1086, url=url.format(1)),
        started(3, 1, 76),
        ended(3, 1, 76, 9, state="INFEASIBLE", error="out of memory: tried to allocate 2.00 GiB"),
        ended(2, 0, 62, 66, 0.1049, url=url.format(2), warnings=["optimizer.lr had no effect"]),
        {
            "event": "decisions",
            "time": START + 130,
            "round": 1,
            "decisions": [
                decision(
                    "baseline",
                    "restore_mass",
                    "transport mass collapsed: ot_pi_sum 1e-06 < 0.001",
                    ["ot.loss_config.tau_src@set=0.8", "ot.loss_config.tau_tgt@set=0.8"],
                    **mass,
                ),
                decision("baseline", "plateau", "l1_loss fell by 79 %, at least 2 % wanted"),
                decision("reg_tau", "restore_mass", "ot_pi_sum 0.5 is not below 0.001"),
                decision(
                    "reg_tau", "still_improving", "l1_loss still fell at the end", ["optimizer.lr@mul=2"]
                ),
                decision(
                    "tau2_lam015", "still_improving", "l1_loss still fell at the end", ["optimizer.lr@mul=2"]
                ),
                decision("batch_64", "finite", "the trial is INFEASIBLE: out of memory"),
            ],
        },
        {
            "event": "round",
            "time": START + 130,
            "round": 2,
            "variants": [
                variant(
                    4,
                    "baseline_mass",
                    "baseline",
                    "restore_mass",
                    tau,
                    reason="transport mass collapsed: ot_pi_sum 1e-06 < 0.001",
                    evidence=mass,
                    expects="ot_pi_sum near 0.5 and a lower eval error",
                ),
                variant(
                    5,
                    "reg_tau_lr",
                    "reg_tau",
                    "still_improving",
                    (("optimizer.lr", 0.0003, 0.0006),),
                    reason="l1_loss still fell at the end",
                    evidence={L1: {"tail": 0.098, "slope_pct": -6.1}},
                    expects="a lower l1_loss in as many steps",
                ),
                variant(
                    6,
                    "tau2_lr",
                    "tau2_lam015",
                    "still_improving",
                    (("optimizer.lr", 0.0003, 0.0006),),
                    reason="l1_loss still fell at the end",
                ),
                variant(
                    7,
                    "tau2_reg",
                    "tau2_lam015",
                    "gentle",
                    ((reg, 0.1, 0.12),),
                    reason="nothing else fired",
                ),
            ],
            "refused": [
                {
                    "trial": "reg_tau",
                    "rule": "gentle",
                    "edits": ["ot.loss_config.tau_src@set=2"],
                    "why": "already run as tau2_lam015",
                }
            ],
        },
        started(4, 0, 131),
        started(5, 1, 131),
        ended(5, 1, 131, 58, 0.1012, url=url.format(5)),
        started(6, 1, 190),
        ended(4, 0, 131, 70, 0.1121, url=url.format(4)),
        started(7, 0, 202),
        ended(6, 1, 190, 21, state="FAILED", error="exit code 1: RuntimeError: boom"),
        ended(7, 0, 202, 64, 0.1049),
        {
            "event": "decisions",
            "time": START + 267,
            "round": 2,
            "decisions": [
                decision("reg_tau_lr", "still_improving", "l1_loss still fell", ["optimizer.lr@mul=2"]),
                decision("baseline_mass", "plateau", "only 1 point of l1_loss after step 1000"),
            ],
        },
        {
            "event": "round",
            "time": START + 267,
            "round": 3,
            "variants": [
                variant(
                    8,
                    "reg_tau_lr2",
                    "reg_tau_lr",
                    "still_improving",
                    (("optimizer.lr", 0.0006, 0.0012),),
                    reason="l1_loss still fell",
                ),
                variant(
                    9,
                    "seed_1",
                    "reg_tau_lr",
                    "repeat",
                    (("seed", 0, 1),),
                    reason="confirm on a fresh seed",
                    evidence={"seed": 1},
                ),
                variant(10, "mass_reg", "baseline_mass", "gentle", ((reg, 0.1, 0.12),), reason="gentle"),
                variant(
                    11, "mass_lr", "baseline_mass", "still_improving", (("optimizer.lr", 0.0003, 0.0006),)
                ),
            ],
            "refused": [],
        },
        started(8, 0, 268),
        started(9, 1, 268),
        ended(8, 0, 268, 60, 0.0996, url=url.format(8)),
        started(10, 0, 329),
        ended(9, 1, 268, 62, 0.1024),
        started(11, 1, 331),
        ended(10, 0, 329, 40, 0.1091),
    ]


def realistic():
    """The realistic study."""
    return replay(with_whole_overrides(realistic_events()))


HOSTILE = "<img src=x onerror=alert(1)>|`*_[x](javascript:alert(1))\x1b[31m\u202eevil\n# head"


def hostile():
    """A study whose every text wants to be markup, a terminal code or a path out of its directory."""
    evidence = {HOSTILE: math.nan, "metric": HOSTILE, "steps": ["</script>", None]}
    first = variant(
        0,
        HOSTILE,
        rule=HOSTILE,
        changes=((HOSTILE, HOSTILE, "\ud800"),),
        reason=HOSTILE,
        evidence=evidence,
        expects="</style><script>alert(2)</script>",
        notes=[HOSTILE],
    )
    second = variant(1, "]]>&amp;'\"", HOSTILE, "</svg>", reason="- 1. not a list", evidence=evidence)
    return replay(
        [
            header(objective={"metric": HOSTILE, "goal": "max"}, command=["sh", "-c", HOSTILE]),
            {
                "event": "round",
                "time": START,
                "round": 1,
                "variants": [first, second],
                "refused": [{"trial": HOSTILE, "rule": HOSTILE, "edits": [HOSTILE], "why": HOSTILE}],
            },
            started(0, 0, 0),
            ended(0, 0, 0, 5, 1.0, url="javascript:alert(3)", summary={HOSTILE: summary_of(0.0, 1.0)}),
            ended(
                1,
                0,
                5,
                5,
                state="FAILED",
                error=HOSTILE,
                log_tail="```\n" + HOSTILE,
                url='https://x/"><script>',
                log="../../etc/passwd",
            ),
            {
                "event": "decisions",
                "time": START + 9,
                "round": 1,
                "decisions": [
                    decision(HOSTILE, HOSTILE, HOSTILE),
                    decision(HOSTILE, "b", HOSTILE, [HOSTILE]),
                ],
            },
            {"event": "stop", "time": START + 10, "reason": HOSTILE},
        ]
    )


def synthetic(jobs, per_round=20, seed=0):
    """A study of many jobs: each round's are children of the round before, one in ten fails; 8 GPUs."""
    rng = np.random.default_rng(seed)
    events, objective = [header()], {}
    paths = list(BASE)
    for number, begin in enumerate(range(0, jobs, per_round), start=1):
        group = range(begin, min(begin + per_round, jobs))
        variants = []
        for job in group:
            parent = int(rng.integers(max(0, begin - per_round), begin)) if begin else None
            path = paths[int(rng.integers(len(paths)))]
            old, new = BASE[path], float(f"{BASE[path] * rng.lognormal(0, 0.5):.3g}")
            objective[job] = 0.98 * objective.get(parent, 0.14) + float(rng.normal(0, 0.004))
            variants.append(
                variant(
                    job,
                    f"r{number}_v{job - begin}",
                    None if parent is None else f"r{number - 1}_v{parent - begin + per_round}",
                    "" if parent is None else f"rule_{job % 7}",
                    () if job == 0 else ((path, old, new),),
                    reason=f"l1_loss fell by {rng.uniform(0, 2):.2f} %, at least 2 % wanted",
                    evidence={"metric": L1, "fell_pct": float(rng.uniform(0, 2)), "steps": [1500, 2000]},
                    expects="a lower l1_loss",
                )
            )
        events.append({"event": "round", "time": START, "round": number, "variants": variants, "refused": []})
        said = []
        for job in group:
            slot, at = job % 8, 70.0 * (job // 8)
            events.append(started(job, slot, at))
            if job % 10 == 9:
                events.append(ended(job, slot, at, 12.0, state="FAILED", error="exit code 1"))
            else:
                events.append(ended(job, slot, at, float(rng.uniform(40, 69)), objective[job]))
            said += [
                decision(
                    f"r{number}_v{job - begin}",
                    f"rule_{rule}",
                    f"value {rng.uniform():.3f} is in bounds",
                    x=rule,
                )
                for rule in range(6)
            ]
        events.append({"event": "decisions", "time": START, "round": number, "decisions": said})
    return replay(events)


def curves_of(study, points=200, seed=0):
    """A noisy falling curve for each metric of each job that has a summary."""
    rng = np.random.default_rng(seed)
    steps = np.arange(points, dtype=np.int64) * (2000 // points)
    curves = {}
    for number, job in study.jobs.items():
        fall = np.exp(-np.arange(points) / (points / rng.uniform(4, 12)))
        curves[number] = {
            metric: Series(steps, _curve(entry["first"], entry["last"], fall, rng))
            for metric, entry in job.summary.items()
        }
    return curves


def _curve(first, last, fall, rng):
    noise = abs(last) * 0.03 * rng.standard_normal(len(fall))
    return last + (first - last) * fall + noise
