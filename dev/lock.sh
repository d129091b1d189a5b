#!/usr/bin/env bash
# Compiles both requirements files; `dev/lock.sh --check` fails when they are not current.
set -euo pipefail
export UV_SYSTEM_CERTS=1  # company networks bring certificates of their own
cd "$(dirname "$0")/.."
uv="$PWD/.tools/bin/uv"

compile() {  # folder
  (
    cd "$1"
    options=(--quiet --python-version 3.13 --generate-hashes --no-emit-index-url --custom-compile-command "make lock")
    "$uv" pip compile pyproject.toml "${options[@]}" --output-file requirements.txt
    "$uv" pip compile pyproject.toml "${options[@]}" --extra dev --constraint requirements.txt --output-file requirements-dev.txt
    "$uv" pip compile infra/policy/requirements.in "${options[@]}" --output-file infra/policy/requirements.txt
  )
}

if [ "${1:-}" != "--check" ]; then
  compile .
  exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/infra/policy"
cp pyproject.toml README.md requirements.txt requirements-dev.txt "$work"
cp infra/policy/requirements.* "$work/infra/policy"
compile "$work"
for file in requirements.txt requirements-dev.txt infra/policy/requirements.txt; do
  diff -q "$file" "$work/$file" >/dev/null || { echo "$file is not current: make lock" >&2; exit 1; }
done
