"""The loop itself at 10,000 and 100,000 trials: what a trial costs, and how idle slots are.

    python benchmarks/scale.py loop 10000 100000    # decide, journal, report; no job runs
    python benchmarks/scale.py idle                 # slots with and without a barrier; nothing runs at all

Of the first nothing is simulated but the jobs: the journal is on disk (its fsync switched off, which measures the
disk and not the loop), rounds are filled by the planner's own loop of strategy and disposal, the report is
drawn by the study's own reporter.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autoloop import journal as journal_module
from autoloop.filling import Disposer, next_round
from autoloop.history.series import History
from autoloop.journal import Journal, read_study
from autoloop.loop import Decide, Flow, Limits, PlanRound, Requeue, Run, Stop, next_step
from autoloop.loop import Step as LoopStep
from autoloop.report import Reporter
from autoloop.rules import Fallback, judge
from autoloop.score import Scorecard, outcomes
from autoloop.strategies import Situation
from autoloop.strategies.rules import RulesStrategy
from autoloop.study import Plan, Study
from autoloop.trials import Trial
from autoloop.variants import Variant
