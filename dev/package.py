"""Builds dist/app.zip: what is deployed, and nothing else. `make package` runs it.

.funcignore says what stays at home; SHIPPED says what may be left after that. They are kept apart on purpose: a new
file at the root is a fault here until somebody decides where it belongs. The same sources make the same bytes (with one
version of zlib), so that a deployment can be recognised. Dependencies are not in it: Azure installs requirements.txt,
or CI puts them beside.
"""

import argparse
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

ROOT = Path(__file__).parents[1]
SHIPPED = ("function_app.py", "host.json", "mappings", "requirements.txt", "shared")
EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first moment that a ZIP can tell
READABLE = 0o100644 << 16  # a plain file, rw-r--r--
UNIX = 3


class WrongPackage(Exception):
    """The package would hold too much, or too little; the text says what."""


def files(root: Path) -> list[str]:
    """Return the paths that are deployed, sorted, such as 'shared/pipeline.py'. Raises `WrongPackage`."""
    ignored = GitIgnoreSpec.from_lines((root / ".funcignore").read_text("utf-8").splitlines())
    found = sorted(_kept(root, root, ignored))
    stray = sorted({top for path in found if (top := path.partition("/")[0]) not in SHIPPED})
    if stray:
        raise WrongPackage(f"{', '.join(stray)}: add to .funcignore, or to SHIPPED in dev/package.py")
    missing = [top for top in SHIPPED if not any(path == top or path.startswith(f"{top}/") for path in found)]
    if missing:
        raise WrongPackage(f"{', '.join(missing)}: nothing of it is left after .funcignore")
    return found


def _kept(root: Path, folder: Path, ignored: GitIgnoreSpec) -> Iterator[str]:
    for entry in folder.iterdir():
        path = entry.relative_to(root).as_posix()
        if entry.is_dir():
            if not ignored.match_file(f"{path}/"):
                yield from _kept(root, entry, ignored)
        elif not ignored.match_file(path):
            yield path


def build(root: Path, target: Path) -> list[str]:
    """Write the ZIP; return what is in it. Raises `WrongPackage`."""
    found = files(root)
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
        for path in found:
            entry = zipfile.ZipInfo(path, EARLIEST)
            entry.external_attr, entry.create_system = READABLE, UNIX
            package.writestr(entry, (root / path).read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)
    return found


def main() -> int:
    """Read the command line and build; 0, or 1 with the reason."""
    parser = argparse.ArgumentParser(prog="python -m dev.package", description=__doc__)
    parser.add_argument("--target", type=Path, default=ROOT / "dist" / "app.zip")
    target: Path = parser.parse_args().target
    try:
        found = build(ROOT, target)
    except WrongPackage as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    print(f"{target}: {len(found)} files, {target.stat().st_size // 1024} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
