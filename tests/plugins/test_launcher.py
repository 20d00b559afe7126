"""The slots launcher under Hydra: results in order, failures kept apart, everything Hydra promises a job."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.types import HydraContext

from tests.plugins import app

pytestmark = pytest.mark.filterwarnings("ignore:The version_base parameter is deprecated")

APP = Path(__file__).with_name("app.py")


def task(cfg):
    """Do what ``cfg.do`` says; a function, so the launcher is driven without a process of its own."""
    return app.ways(cfg)[cfg.do]()


@pytest.fixture
def make_launcher(tmp_path, hydra_restore_singletons):
    """Build a launcher as Hydra does, for sweeps into ``tmp_path``."""

    def make(*overrides, function=task):
        with initialize(version_base="1.3", config_path=None):
            settings = [
                "hydra/launcher=slots",
                f"hydra.sweep.dir={tmp_path}",
                "hydra.mode=MULTIRUN",
                "hydra.job.name=test",
            ]
            config = compose(overrides=[*settings, *overrides], return_hydra_config=True)
            HydraConfig.instance().set_config(config)
            context = HydraContext(
                config_loader=GlobalHydra.instance().config_loader(), callbacks=Callbacks(config)
            )
            return Plugins.instance().instantiate_launcher(
                hydra_context=context, task_function=function, config=config
            )

    return make


def test_results_come_in_the_order_of_the_jobs(make_launcher):
    """launch() returns one JobReturn per job, in order, numbered from the first index."""
    returns = make_launcher("hydra.launcher.n_jobs=2").launch(
        [["+do=return", f"+x={x}"] for x in (5, 6, 7)], initial_job_idx=4
    )
    assert [job.return_value for job in returns] == [5, 6, 7]
    assert [job.hydra_cfg.hydra.job.num for job in returns] == [4, 5, 6]
    assert [str(job.hydra_cfg.hydra.job.id) for job in returns] == ["4", "5", "6"]
    assert [job.overrides for job in returns] == [["+do=return", f"+x={x}"] for x in (5, 6, 7)]


def test_a_failed_job_fails_alone(make_launcher):
    """Every way of failing gives a FAILED JobReturn that raises on access; the other jobs keep theirs."""
    jobs = [["+do=raise"], ["+do=exit", "+x=3"], ["+do=drop", "+x=4"], ["+do=odd_error"], ["nonsense=1"]]
    errors = [
        "'missing'",
        "SystemExit: 3",
        "exit code 4;.*log: .*job.log",
        r"OddError: odd: 1, 2",
        "nonsense",
    ]
    returns = make_launcher().launch([*jobs, ["+do=return", "+x=1"]], initial_job_idx=0)
    for job, error in zip(returns, errors, strict=False):
        assert job.status is JobStatus.FAILED
        with pytest.raises(Exception, match=error):
            _ = job.return_value
    assert returns[-1].return_value == 1


def test_the_type_of_an_error_is_kept(make_launcher):
    """return_value raises the task's own exception where it can travel, and shows where that was raised."""
    (job,) = make_launcher().launch([["+do=raise"]], initial_job_idx=0)
    with pytest.raises(KeyError) as raised:
        _ = job.return_value
    assert f'File "{APP}"' in str(raised.value.__cause__)


def test_a_regular_exit_is_a_success(make_launcher):
    """sys.exit(0) and sys.exit(None) end a task well."""
    returns = make_launcher().launch([["+do=exit", "+x=0"], ["+do=exit", "+x=null"]], initial_job_idx=0)
    assert [job.status for job in returns] == [JobStatus.COMPLETED] * 2


def test_a_value_that_cannot_travel_is_left_behind(make_launcher, tmp_path):
    """A job whose value cannot be pickled is complete; its value is None and its log says so."""
    (job,) = make_launcher().launch([["+do=unpicklable"]], initial_job_idx=0)
    assert job.return_value is None
    assert "the return value <generator" in (tmp_path / "0" / "job.log").read_text()


def test_hydras_settings_of_a_job_are_kept(make_launcher, tmp_path):
    """chdir, env_set and subdir work as with any launcher, and each job is a process of its own."""
    launcher = make_launcher("hydra.job.chdir=true", "+hydra.job.env_set.FROM_CONFIG=${hydra:job.num}")
    jobs = [["+do=look", "hydra.sweep.subdir=here"], ["+do=look"]]
    first, second = (job.return_value for job in launcher.launch(jobs, initial_job_idx=0))
    assert (first["cwd"], second["cwd"]) == (str(tmp_path / "here"), str(tmp_path / "1"))
    assert (first["env"], second["env"]) == ("0", "1")
    assert first["pid"] != second["pid"]


def test_closures_can_be_launched(make_launcher):
    """A task that is no module's function travels with what it refers to."""
    factor = 3
    (job,) = make_launcher(function=lambda cfg: factor * cfg.x).launch([["+x=7"]], initial_job_idx=0)
    assert job.return_value == 21


def test_a_job_logs_into_its_directory(make_launcher, tmp_path, capfd):
    """What a task prints is in job.log beside Hydra's files, not in the terminal; no output/ is made."""
    make_launcher().launch([["+do=print"]], initial_job_idx=0)
    assert (tmp_path / "0" / "job.log").read_text().endswith("printed by the task\n")
    assert {path.name for path in (tmp_path / "0").iterdir()} == {
        ".hydra",
        "job.log",
        "status.json",
        "test.log",
    }
    assert "printed by the task" not in capfd.readouterr().out


def test_an_error_is_in_the_log_with_its_traceback(make_launcher, tmp_path):
    """job.log ends with the traceback, whose last line is the error of the outcome."""
    launcher = make_launcher()
    (outcome,) = launcher.stream([(0, ["+do=raise"])])
    assert outcome.error == "KeyError: 'missing'"
    assert (tmp_path / "0" / "job.log").read_text().rstrip().endswith("KeyError: 'missing'")
    assert (outcome.exit_code, outcome.value.status) == (1, JobStatus.FAILED)


def test_stream_yields_outcomes_with_job_returns(make_launcher):
    """stream() takes numbered jobs from any iterable and yields outcomes that hold Hydra's JobReturns."""
    jobs = ((index, ["+do=return", f"+x={index}"]) for index in (7, 3))
    values = {outcome.index: outcome.value.return_value for outcome in make_launcher().stream(jobs)}
    assert values == {7: 7, 3: 3}


def test_a_launcher_serves_several_batches(make_launcher):
    """Batches of one launcher share its zygote, and each batch sees the callbacks' and resolvers' state."""
    launcher = make_launcher()
    zygotes = set()
    for index in range(3):
        (job,) = launcher.launch([["+do=return", f"+x={index}"]], initial_job_idx=index)
        assert job.return_value == index
        zygotes.add(launcher.pool._zygote.pid)
    assert len(zygotes) == 1


def run_app(tmp_path, *arguments, config=""):
    command = [sys.executable, str(APP), "-m", "hydra/launcher=slots", f"hydra.sweep.dir={tmp_path}"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path)


def test_a_failure_is_told_in_the_terminal(tmp_path):
    """The main process says at once which job failed, how, and where its log is."""
    done = run_app(tmp_path, "+do=exit", "+x=3,0")
    assert f"job 0 ended with exit code 3; SystemExit: 3; log: {tmp_path}/0/job.log" in done.stdout
    assert done.returncode != 0


def test_an_app_of_others_runs_in_slots(tmp_path):
    """A script that knows nothing of autoloop sweeps in slots, and its main process ends with it."""
    done = run_app(tmp_path, "+do=print,return", "+x=1", "+autoloop.n_jobs=2")
    assert done.returncode == 0, done.stderr
    assert "2 slots" in done.stdout
    assert (tmp_path / "0" / "job.log").read_text().endswith("printed by the task\n")
    assert json.loads((tmp_path / "1" / "status.json").read_text())["exit_code"] == 0


def test_spawned_workers_find_the_main_script(tmp_path):
    """Workers started by multiprocessing's spawn find in the main script what a job sends by name."""
    done = run_app(tmp_path, "+do=spawn", "+x=21")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "0" / "job.log").read_text().endswith("spawned 42\n")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("hydra.launcher.gpus=[0,0]", "0 is listed twice"),
        (
            "+autoloop.gpus=2",
            "hydra.launcher.gpus=2 (from autoloop.gpus in your config): expected a list of ids",
        ),
        ("hydra.launcher.timeout_min=soon", "timeout_min='soon': expected a number"),
        ("hydra.launcher.stall_min=0", "stall_min=0: expected minutes above 0, or null"),
        ("hydra.launcher.grace_s=null", "grace_s=None: expected a number"),
    ],
)
def test_a_mistake_in_the_settings_is_told(tmp_path, argument, message):
    """Settings that cannot be used end the sweep before any job, with one clear message."""
    done = run_app(tmp_path, "+do=print", argument)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "0").exists()


def test_knobs_in_the_section_of_an_apps_config_are_found(tmp_path):
    """Gpus and n_jobs below autoloop are the launcher's settings; at the top level they are the app's own."""
    of_app = ("+gpus=1", "+n_jobs=many", "+grace_s=never")
    done = run_app(tmp_path, "+do=print", "+autoloop={gpus: [6,7], n_jobs: 1}", *of_app)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "0" / "status.json").read_text())["gpus"] == ["6"]


NVIDIA_SMI = """#!/bin/sh
echo asked >> "$(dirname "$0")/asked"
[ "$(wc -l < "$(dirname "$0")/asked")" -gt 1 ] && free=40960 || free=1024
echo "0, GPU-a, $free"
"""


def test_a_job_waits_for_the_memory_of_a_gpu_that_others_use(tmp_path, monkeypatch):
    """min_free_mem_gb: the job starts when the driver tells of enough free memory, and not before."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(NVIDIA_SMI)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    done = run_app(tmp_path, "+do=print", "+autoloop.gpus=[0]", "+autoloop.min_free_mem_gb=10")
    assert done.returncode == 0, done.stderr
    assert "waiting for 10.0 GB on GPU 0" in done.stdout + done.stderr
    assert (program.parent / "asked").read_text().splitlines() == ["asked"] * 2
    assert json.loads((tmp_path / "0" / "status.json").read_text())["gpus"] == ["0"]


def test_the_launcher_imports_nothing_heavy():
    """Hydra imports the launcher at every start of every app, so it must stay light."""
    code = (
        "import sys, hydra_plugins.autoloop.launcher; "
        "print([name for name in ('joblib', 'torch', 'wandb', 'accelerate') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
