"""Ways in which a job can die, and what each becomes: the tests' data and the table of docs/survival.md."""

from __future__ import annotations

from typing import NamedTuple


class Way(NamedTuple):
    """One way of ending.

    Attributes:
        words: What happens, for a reader.
        state: The state of the trial.
        error: How its error begins.
        fields: Further fields of the trial.
    """

    words: str
    state: str
    error: str
    fields: dict[str, object]


LEFT_NOTHING = "the job ended well but left no history: "

#: What the task does (a name in the app of `tests.studies_app`) -> what comes of it.
WAYS = {
    "raise": Way("an exception", "FAILED", "ValueError: the data is bad", {"exit_code": 1}),
    "exit": Way("`sys.exit(3)`", "FAILED", "SystemExit: 3", {"exit_code": 3}),
    "exit_0": Way("`sys.exit(0)`", "COMPLETE", "", {"exit_code": 0}),
    "drop": Way("`os._exit(4)`", "FAILED", "exit code 4", {"exit_code": 4}),
    "segfault": Way("a segmentation fault", "FAILED", "killed by SIGSEGV", {"signal": "SIGSEGV"}),
    "kill": Way("`kill -9` of the job", "FAILED", "killed by SIGKILL", {"signal": "SIGKILL"}),
    "nothing": Way("no history", "FAILED", f"{LEFT_NOTHING}no history at ", {"exit_code": 0}),
    "broken_history": Way("a damaged history", "FAILED", LEFT_NOTHING, {"exit_code": 0}),
    "no_dir": Way("its directory is deleted", "FAILED", LEFT_NOTHING, {"exit_code": 0}),
    "diverge": Way("a loss of NaN", "INFEASIBLE", "train/loss is not finite", {"exit_code": 0}),
    "oom": Way("CUDA out of memory", "INFEASIBLE", "RuntimeError: CUDA out of memory.", {"exit_code": 1}),
    "oom_below": Way(
        "the same, below a launcher that hides it",
        "INFEASIBLE",
        "torch.OutOfMemoryError: CUDA out of memory.",
        {"exit_code": 1},
    ),
    "memory_error": Way("a MemoryError", "INFEASIBLE", "MemoryError", {"exit_code": 1}),
    "close_all": Way(
        "all descriptors closed, files of its own in their place",
        "COMPLETE",
        "",
        {"exit_code": 0},
    ),
    "return_much": Way("20 MB returned beside the loss", "COMPLETE", "", {"results": {"loss": 1.0}}),
    "long_line": Way("a line of a megabyte in the log", "COMPLETE", "", {"exit_code": 0}),
    "odd_notes": Way("pipes and endless files in the place of our notes", "COMPLETE", "", {"exit_code": 0}),
    "secret": Way(
        "an error that shows a secret",
        "FAILED",
        "RuntimeError: the server refused the key <WANDB_API_KEY>",
        {"exit_code": 1},
    ),
}

#: What else ends a job: words, what it becomes, and the test that shows it.
OTHERS = [
    (
        "the kernel's OOM killer",
        "INFEASIBLE",
        "runner/test_failures.py::test_the_kernels_oom_killer_is_recognised",
    ),
    (
        "a hang, with `timeout_min`",
        "TIMEOUT",
        "runner/test_failures.py::test_a_job_over_its_limit_is_a_timeout",
    ),
    (
        "silence, with `stall_min`",
        "TIMEOUT",
        "runner/test_failures.py::test_a_job_over_its_limit_is_a_timeout",
    ),
    (
        "its supervisor is killed",
        "INTERRUPTED, tried once more",
        "runner/test_failures.py::test_a_supervisor_that_is_killed_costs_one_more_try",
    ),
    (
        "Ctrl-C of the study",
        "INTERRUPTED, queued again by the next start",
        "runner/test_resume.py::test_a_second_process_is_refused_and_ctrl_c_leaves_a_study_that_resumes",
    ),
    (
        "SIGTERM of the study",
        "INTERRUPTED, queued again by the next start",
        "runner/test_resume.py::test_sigterm_leaves_a_study_that_resumes_too",
    ),
    (
        "`kill -9` of the study",
        "INTERRUPTED, queued again by the next start",
        "runner/test_resume.py::test_a_job_that_was_running_starts_anew_in_a_fresh_directory",
    ),
    (
        "`kill -9` of the study after the job's own end",
        "as it had ended",
        "runner/test_resume.py::test_a_job_that_had_finished_is_taken_over",
    ),
    (
        "Ctrl-C twice while its supervisor is stopped",
        "INTERRUPTED, queued again by the next start",
        "engine/execute/test_main_process.py::test_a_second_signal_ends_jobs_whose_supervisor_is_stopped",
    ),
    (
        "its time is up while its supervisor is stopped",
        "TIMEOUT",
        "engine/execute/test_pool.py::test_a_time_limit_holds_although_the_supervisor_is_stopped",
    ),
    (
        "nothing, since it cannot be killed",
        "as it was to end; its slot is given up",
        "engine/execute/test_pool.py::test_a_job_that_cannot_be_killed_costs_its_slot",
    ),
    (
        "a stop rule",
        "STOPPED",
        "runner/test_stop_flow.py::test_a_job_behind_its_parent_is_stopped_and_its_slot_goes_to_a_new_idea",
    ),
]
