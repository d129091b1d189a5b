#!/usr/bin/env bash
# All that can be said without running the product. Every check runs; the exit code counts the failed ones.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
failed=0

check() {
  local name=$1
  shift
  if output=$("$@" 2>&1); then
    echo "ok    $name"
  else
    echo "FAIL  $name"
    echo "$output" | sed 's/^/      /'
    failed=$((failed + 1))
  fi
}

no_addresses() {
  ! grep -nE '"resolved"|https?://[^ ]*\.(tgz|whl|tar\.gz)' package-lock.json requirements.txt requirements-dev.txt
}

queries() {  # Node may be the one that setup took from PyPI
  PATH="$PWD/.tools/bin:$PATH" node infra/scripts/kql.mjs
}

check "format"        $bin/ruff format --check .
check "lint"          $bin/ruff check .
check "types"         $bin/mypy
check "imports"       $bin/lint-imports
check "dependencies"  $bin/deptry .
check "mappings"      $bin/python -m shared.ops.mappings check
check "yaml"          $bin/yamllint --strict mappings .github infra
check "queries"       queries
check "spelling"      $bin/codespell
check "policies"      bash infra/scripts/policy.sh
check "requirements"  bash dev/lock.sh --check
check "no addresses"  no_addresses
exit "$failed"
