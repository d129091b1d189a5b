"""Stand-ins for the command line tools that deployment scripts call: `az`, `func`, `gh`."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.infra.bicep import INFRA

SCRIPTS = INFRA / "scripts"
# answers by a regular expression over the arguments; what `--file` names is written down, as Azure would get it
TOOL = r"""
import json, pathlib, re, sys
here = pathlib.Path(__file__).parent
asked = " ".join(sys.argv[1:])
files = [b for a, b in zip(sys.argv, sys.argv[1:]) if a == "--file" and "keyvault" in sys.argv]
given = [pathlib.Path(one).read_text() for one in files]
with (here / "asked").open("a") as out:
    out.write(json.dumps([pathlib.Path(__file__).name, asked, given]) + "\n")
for pattern, answer in json.loads((here / "answers").read_text()).items():
    if re.search(pattern, asked):
        print(answer) if answer else None
        break
"""


@dataclass
class Tools:
    """A folder of stand-ins that goes before the PATH."""

    folder: Path
    answers: Mapping[str, str] = field(default_factory=dict)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a script of infra/scripts."""
        (self.folder / "answers").write_text(json.dumps(self.answers))
        path = {"PATH": f"{self.folder}:{os.environ['PATH']}", "HOME": str(self.folder)}
        return subprocess.run(
            ["bash", str(SCRIPTS / command[0]), *command[1:]],
            env={**path, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def asked(self, part: str = "") -> list[str]:
        """Return what was asked, in order, where it has `part` in it."""
        return [asked for _, asked, _ in self._lines() if part in asked]

    def written(self) -> dict[str, str]:
        """Return the secrets that were written, by name."""
        lines = [(re.search(r"--name (\S+)", asked), given) for _, asked, given in self._lines() if given]
        return {name[1]: given[0] for name, given in lines if name}

    def _lines(self) -> list[list[str]]:
        path = self.folder / "asked"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("az", "func", "gh"):
        (folder / name).write_text(f"#!{sys.executable} -IS{TOOL}")  # without site: it starts many times
        (folder / name).chmod(stat.S_IRWXU)
    return Tools(folder)
