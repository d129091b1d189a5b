#!/usr/bin/env bash
# Makes dist/app.zip complete: the package of `make package`, and every dependency as a wheel for Azure's Linux, so that
# nothing is built or looked up at deployment. Needs `make setup`.
set -euo pipefail
cd "$(dirname "$0")/../.."

.venv/bin/python -m dev.package
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.tools/bin/uv pip install --quiet --target "$work/.python_packages/lib/site-packages" --require-hashes \
  --only-binary :all: --python-version 3.13 --python-platform x86_64-manylinux_2_28 --requirement requirements.txt
find "$work" -name __pycache__ -prune -exec rm -rf {} +
package=$PWD/dist/app.zip
(cd "$work" && "$OLDPWD/.venv/bin/python" - "$package" <<'PYTHON'
import sys, zipfile
from pathlib import Path

with zipfile.ZipFile(sys.argv[1], "a", zipfile.ZIP_DEFLATED) as package:
    for path in sorted(p for p in Path(".python_packages").rglob("*") if p.is_file()):
        entry = zipfile.ZipInfo(path.as_posix(), (1980, 1, 1, 0, 0, 0))
        entry.external_attr, entry.compress_type = 0o100644 << 16, zipfile.ZIP_DEFLATED
        package.writestr(entry, path.read_bytes())
PYTHON
)
ls -l "$package"
