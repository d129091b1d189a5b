#!/usr/bin/env bash
# Holds infra/ against published policies (checkov), in an environment of its own: checkov pins what others need newer.
# checkov's exit code is 0 when a file does not parse or a check breaks, so both are looked for here.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=.tools/policy
if ! cmp -s infra/policy/requirements.txt "$venv/installed"; then
  .tools/bin/uv venv --quiet --clear --python .venv/bin/python "$venv"
  .tools/bin/uv pip sync --quiet --python "$venv/bin/python" --require-hashes infra/policy/requirements.txt
  cp infra/policy/requirements.txt "$venv/installed"
fi

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
"$venv/bin/checkov" --config-file infra/policy/checkov.yaml --output json 2>"$errors" | "$venv/bin/python" -c '
import json, sys

found = json.load(sys.stdin)
failed = found["results"]["failed_checks"]
for one in failed:
    print("{check_id} {resource}: {check_name}".format_map(one))
summary = found["summary"]
print("{passed} passed, {failed} failed, {parsing_errors} files not parsed".format_map(summary))
sys.exit(bool(failed or summary["parsing_errors"] or not summary["passed"]))
'
if grep -q "Failed to run check" "$errors"; then
  grep "Failed to run check" "$errors" >&2
  exit 1
fi
