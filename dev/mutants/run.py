"""A pytest plugin that takes over the loop: all tests once, to see which lines each reaches, then the mutants.

A mutant is killed when a test fails, or when the tests take far longer than they should.
"""

import ast
import importlib
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, ModuleType

import pytest
from _pytest.runner import runtestprotocol

from dev.mutants.operators import Mutant, mutants
from dev.mutants.swap import know_functions, put_in

ROOT = Path(__file__).parents[2]
EXPLAINED = ROOT / "docs" / "mutation.md"
TOOL = sys.monitoring.PROFILER_ID
NOT_RUN, SURVIVED, KILLED = 3, 0, 1
TIMES, GRACE_SECONDS = 5, 2.0


@dataclass
class Tried:
    """What became of the mutants, by their names."""

    killed: int = 0
    survived: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)
    explained: int = 0
    not_run: int = 0


class Mutation:
    """Takes over pytest's loop."""

    def __init__(self, paths: Sequence[str], most: int, seed: int) -> None:
        self._sources = {path: (ROOT / path).read_text("utf-8") for path in paths}
        self._most, self._seed = most, seed
        self._reached: dict[tuple[str, int], set[int]] = {}
        self._seconds: list[float] = []
        self.tried = Tried()

    def pytest_configure(self) -> None:
        """Let Hypothesis say no more than yes or no: a counter-example is not made smaller."""
        from hypothesis import Phase, settings  # noqa: PLC0415 -- pytest wants to import it first

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutants", phases=phases, derandomize=True, database=None, deadline=None)
        settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests once, then the mutants."""
        began = time.monotonic()
        modules = {
            path: importlib.import_module(path.removesuffix(".py").replace("/", ".").removesuffix(".__init__"))
            for path in self._sources
        }
        if not self._look(session.items):
            raise pytest.UsageError("the tests must be green before mutants mean anything")
        print(f"{len(session.items)} tests, {time.monotonic() - began:.0f} s")
        know_functions({str(ROOT / path) for path in self._sources})
        text = EXPLAINED.read_text("utf-8") if EXPLAINED.exists() else ""
        known = {line.strip().removeprefix("* ") for line in text.splitlines()}
        for mutant in self._chosen():
            self._try(mutant, modules[mutant.path], session.items, known)
        return True

    def _chosen(self) -> list[Mutant]:
        every = [one for path, source in self._sources.items() for one in mutants(path, source)]
        print(f"{len(every)} mutants in {len(self._sources)} files")
        if self._most and self._most < len(every):
            every = random.Random(self._seed).sample(every, self._most)
        return sorted(every, key=lambda one: (one.path, one.line))

    def _look(self, items: list[pytest.Item]) -> bool:
        """Run each test, noting which lines of the sources it reaches and how long it takes."""
        files = {str(ROOT / path): path for path in self._sources}
        current = set[tuple[str, int]]()

        def line(code: CodeType, number: int) -> object:
            if code.co_filename in files:
                current.add((files[code.co_filename], number))
            return sys.monitoring.DISABLE

        sys.monitoring.use_tool_id(TOOL, "mutants")
        sys.monitoring.register_callback(TOOL, sys.monitoring.events.LINE, line)
        sys.monitoring.set_events(TOOL, sys.monitoring.events.LINE)
        green = True
        for at, item in enumerate(items):
            sys.monitoring.restart_events()
            current.clear()
            began = time.process_time()
            reports = runtestprotocol(item, log=False, nextitem=items[at + 1] if at + 1 < len(items) else None)
            self._seconds.append(time.process_time() - began)
            if any(report.failed for report in reports):
                print(f"FAILED {item.nodeid}\n{next(r.longreprtext for r in reports if r.failed)}")
                green = False
            for place in current:
                self._reached.setdefault(place, set()).add(at)
        sys.monitoring.set_events(TOOL, 0)
        sys.monitoring.free_tool_id(TOOL)
        return green

    def _try(self, mutant: Mutant, module: ModuleType, items: list[pytest.Item], known: set[str]) -> None:
        reaching = self._reaching(mutant)
        chosen = sorted(reaching, key=lambda at: self._seconds[at])
        said = f"{mutant.path}:{mutant.line} {mutant.said.partition(' ')[2]}"
        if not reaching:
            self.tried.unreached.append(said)
            print(f"UNREACHED {said}", flush=True)
            return
        match self._fork(mutant, module, [items[at] for at in chosen], sum(self._seconds[at] for at in chosen)):
            case 0 if mutant.said in known:
                self.tried.explained += 1
            case 0:
                self.tried.survived.append(said)
                print(f"SURVIVED {said}", flush=True)
            case 3:
                self.tried.not_run += 1
            case _:
                self.tried.killed += 1

    def _reaching(self, mutant: Mutant) -> set[int]:
        """Return the tests that reach the mutant's statement or, of a module's constant, its use."""
        tree = ast.parse(self._sources[mutant.path])
        spans = [(one.lineno, one.end_lineno or 0, one) for one in ast.walk(tree) if isinstance(one, ast.stmt)]
        first, _, inner = max((s for s in spans if s[0] <= mutant.line <= s[1]), key=lambda s: (s[0], -s[1]))
        lines = set(range(first, mutant.line + 1))
        if inner in tree.body and isinstance(inner, ast.Assign | ast.AnnAssign):
            names = {n.id for n in ast.walk(inner) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            lines = {n.lineno for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id in names}
        found = [self._reached.get((mutant.path, line), set()) for line in lines]
        return set().union(*found)

    def _fork(self, mutant: Mutant, module: ModuleType, items: list[pytest.Item], seconds: float) -> int:
        """Return how the tests ended in a process of their own that has the mutant."""
        sys.stdout.flush()
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            return os.waitstatus_to_exitcode(status)
        code = KILLED
        try:
            signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_VIRTUAL, seconds * TIMES + GRACE_SECONDS)  # of the processor
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(int(seconds * TIMES * 10 + 60))
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            code = self._verdict(mutant, module, items)
        finally:
            os._exit(code)

    def _verdict(self, mutant: Mutant, module: ModuleType, items: list[pytest.Item]) -> int:
        if not put_in(mutant, module, self._sources[mutant.path]):
            return NOT_RUN
        for at, item in enumerate(items):
            following = items[at + 1] if at + 1 < len(items) else None
            if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
                return KILLED
        return SURVIVED
