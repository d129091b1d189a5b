#!/usr/bin/env bash
# Compiles both requirements files; `dev/lock.sh --check` fails when they are not current.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() {  # target, extra arguments
  local target=$1
  shift
  .tools/bin/uv pip compile --quiet pyproject.toml --python-version 3.13 --generate-hashes --no-emit-index-url \
    --custom-compile-command "make lock" --output-file "$target" "$@"
}

if [ "${1:-}" = "--check" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cp requirements.txt requirements-dev.txt "$work"
  compile "$work/requirements.txt"
  compile "$work/requirements-dev.txt" --extra dev
  for file in requirements.txt requirements-dev.txt; do
    diff -q "$file" "$work/$file" >/dev/null || { echo "$file is not current: make lock" >&2; exit 1; }
  done
else
  compile requirements.txt
  compile requirements-dev.txt --extra dev --constraint requirements.txt
fi
