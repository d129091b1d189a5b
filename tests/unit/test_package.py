"""What is deployed: exactly the app, the same whoever packs it, and whole enough for Microsoft's runtime to load."""

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from dev.cloud import app_settings
from dev.host import start
from dev.package import ROOT, WrongPackage, build, files
from tests.functions import FUNCTIONS

NEVER_CALLED = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=x;SharedAccessKey=x;UseDevelopmentEmulator=true;"
NASTY = (
    "shared/__pycache__/pipeline.cpython-313.pyc", "shared/core/__pycache__/x.pyc", "shared/left.pyc",
    "__pycache__/function_app.cpython-313.pyc", "shared/.DS_Store", "shared/systems/.ruff_cache/x", ".env",
    ".venv/lib/x.py", ".github/workflows/ci.yml", ".gitignore", ".funcignore", ".vscode/settings.json",
    "tests/__init__.py", "tests/unit/.hidden", "tests/sim/mappings/s4/order.yaml", "dev/.hidden/x", "dev/host/x.py",
    "node_modules/.bin/x", "node_modules/a/requirements.txt", "docs/mappings/x.md", "infra/main.bicep", "bench/x.py",
    "dist/app.zip", "local.settings.json", "local.settings.sample.json", "package.json", "package-lock.json",
    "pyproject.toml", "requirements-dev.txt", "README.md", "CHANGELOG.md", "LICENSE", "Makefile",
)  # fmt: skip
APP = (
    "function_app.py", "host.json", "requirements.txt", "mappings/s4/account.yaml", "shared/pipeline.py",
    "shared/__init__.py", "shared/systems/s4/objects/product.yaml", "shared/console/index.html",
    "shared/dev/x.py", "shared/tests.py", "shared/docs/README.md", "shared/package.json",
)  # fmt: skip


def meant() -> set[str]:
    """Return the app: three files, and two folders with all that is no cache and not hidden."""
    found = {"function_app.py", "host.json", "requirements.txt"}
    for path in (path for top in ("shared", "mappings") for path in (ROOT / top).rglob("*") if path.is_file()):
        name = path.relative_to(ROOT)
        if path.suffix != ".pyc" and not any(part.startswith(".") or part == "__pycache__" for part in name.parts):
            found.add(name.as_posix())
    return found


def as_func(ignore_file: str, *, bounded: bool) -> Callable[[str], bool]:
    """Return what `func` ships, from its behaviour: a pattern is the beginning of a path, `!` wins over all others.

    `bounded`: since 3.0 a pattern must end at a word's end. Some files it never ships, whatever the ignore file says.
    """
    lines = [line.strip() for line in ignore_file.splitlines() if line.strip() and not line.strip().startswith("#")]

    def expression(patterns: list[str]) -> re.Pattern[str]:
        each = [re.escape(p.removeprefix("/")).replace(r"\*\*", "(.+)").replace(r"\*", "([^/]+)") for p in patterns]
        return re.compile(f"^(({')|('.join(each)})){r'\b' if bounded else ''}" if each else "$^", re.ASCII)

    denied = expression([line for line in lines if not line.startswith("!")])
    kept = expression([line[1:] for line in lines if line.startswith("!")])
    never = {".funcignore", ".gitignore", "local.settings.json", "project.lock.json"}

    def ships(path: str) -> bool:
        *folders, name = path.split("/")
        if name in never or {".git", ".vscode"} & set(folders):
            return False
        return bool(kept.search(path)) or not denied.search(path)

    return ships


def made_up(root: Path, *, more: tuple[str, ...] = ()) -> Path:
    """Lay out a project with everything that lies about in one."""
    for path in (*APP, *NASTY, *more):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
    (root / ".funcignore").write_bytes((ROOT / ".funcignore").read_bytes())
    return root


def test_the_package_is_the_app_and_nothing_else() -> None:
    assert set(files(ROOT)) == meant()
    assert {"shared/pipeline.py", "shared/systems/s4/quality.yaml", "mappings/codes/units.yaml"} <= meant()


def test_caches_tests_and_tools_stay_at_home_and_everything_below_the_apps_folders_goes(tmp_path: Path) -> None:
    assert set(files(made_up(tmp_path))) == set(APP)


@pytest.mark.parametrize("bounded", [False, True], ids=["func 2", "func 3 and 4"])
def test_func_publish_ships_the_same_files(tmp_path: Path, *, bounded: bool) -> None:
    ships = as_func((ROOT / ".funcignore").read_text("utf-8"), bounded=bounded)
    root = made_up(tmp_path)
    everything = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
    assert {path for path in everything if ships(path)} == set(files(root))


def test_a_new_file_at_the_root_stops_the_build_until_somebody_decides(tmp_path: Path) -> None:
    with pytest.raises(WrongPackage, match=r"notes\.txt, scratch: add to \.funcignore"):
        files(made_up(tmp_path, more=("notes.txt", "scratch/x.py")))


def test_a_missing_part_of_the_app_stops_the_build(tmp_path: Path) -> None:
    root = made_up(tmp_path)
    (root / "host.json").unlink()
    with pytest.raises(WrongPackage, match=r"host\.json: nothing of it"):
        files(root)


def test_the_same_sources_make_the_same_bytes(tmp_path: Path) -> None:
    build(made_up(tmp_path / "one"), tmp_path / "one.zip")
    build(made_up(tmp_path / "two"), tmp_path / "dist" / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "dist" / "two.zip").read_bytes()


def test_the_unpacked_package_loads_in_microsofts_runtime_with_all_its_functions(tmp_path: Path) -> None:
    build(ROOT, tmp_path / "app.zip")
    with zipfile.ZipFile(tmp_path / "app.zip") as package:
        package.extractall(tmp_path / "site")
    settings = app_settings("UseDevelopmentStorage=true", NEVER_CALLED, "http://127.0.0.1:1", "http://127.0.0.1:1")
    loads = "from shared.wiring import flows; print(*sorted(flows({})))"
    found = subprocess.run(
        [sys.executable, "-c", loads], cwd=tmp_path / "site", check=True, capture_output=True, text=True, timeout=60
    )
    with start(tmp_path / "site", settings) as host:
        listed = httpx.get(f"{host.url}/admin/functions", headers={"x-functions-key": host.key}, timeout=20).json()
        # it answers from its own code: the secret is checked before anything is reached
        refused = httpx.post(f"{host.url}/api/dataverse/events", content=b"{}", timeout=20)
    assert found.stdout.split() == ["s4/account", "s4/order"]
    assert {function["name"] for function in listed} == {each.get_function_name() for each in FUNCTIONS}
    assert refused.status_code == 401
