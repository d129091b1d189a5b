#!/usr/bin/env bash
# Prints the id of the GitHub run that last released to an environment (1), or of the one before (2). Empty: there is none.
set -euo pipefail

[ $# -eq 2 ] || { echo "usage: released.sh ARTIFACT 1|2" >&2; exit 2; }
gh api "repos/$GITHUB_REPOSITORY/actions/artifacts?name=$1&per_page=100" \
  --jq "[.artifacts[] | select(.expired | not)] | sort_by(.created_at) | reverse | .[$(($2 - 1))].workflow_run.id // empty"
