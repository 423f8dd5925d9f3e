#!/usr/bin/env bash
# The action's one step: installs the program beside the job's own Python, runs the gate, hands its exit code on.
# Everything comes in by variables; see action.yml.
set -euo pipefail

place="${RUNNER_TEMP:?}/llmexp-check"
mkdir -p "$place"
report=$(mktemp -d "$place/report.XXXXXX") # a job may use the action twice

if [ ! -x "$place/venv/bin/llmexp-tui" ]; then
    requirement="${LLMEXP_REQUIREMENT:-$LLMEXP_ACTION/../../..}"
    # A copy of this action in another repository has that repository's files there, and must not install them.
    if [ -z "${LLMEXP_REQUIREMENT:-}" ] && ! grep -q '^name = "llmexp-tui"' "$requirement/pyproject.toml" 2>/dev/null; then
        echo '::error title=llmexp check::This is a copy of the action: name what to install in its input "requirement".'
        echo "exit-code=2" >>"${GITHUB_OUTPUT:-/dev/null}"
        exit 2
    fi
    python -m venv "$place/venv"
    "$place/venv/bin/pip" install --quiet --requirement "${LLMEXP_PINS:-$LLMEXP_ACTION/requirements.txt}"
    # By now all is there that it needs and that builds it: nothing that is not pinned is fetched.
    "$place/venv/bin/pip" install --quiet --no-build-isolation "$requirement"
fi

words=(--check --forge github)
for kind in json md xml html; do words+=(--report "$report/report.$kind"); done
words+=(--project "${LLMEXP_PROJECT:-.}")
if [ -n "${LLMEXP_BASE:-}" ]; then words+=(--base "$LLMEXP_BASE"); fi
if [ -n "${LLMEXP_MAX_COST:-}" ]; then words+=(--max-cost "$LLMEXP_MAX_COST"); fi
if [ -n "${LLMEXP_CACHE:-}" ]; then words+=(--cache "$LLMEXP_CACHE"); fi
if [ -n "${LLMEXP_LABEL:-}" ]; then words+=(--label-on-pass "$LLMEXP_LABEL"); fi
if [ "${LLMEXP_FRESH:-false}" = true ]; then words+=(--fresh); fi
if [ "${LLMEXP_TRUSTED:-false}" = true ]; then words+=(--trust); fi
while IFS= read -r name; do
    if [ -n "$name" ]; then words+=(--experiment "$name"); fi
done <<<"${LLMEXP_EXPERIMENTS:-}"

code=0
"$place/venv/bin/llmexp-tui" "${words[@]}" || code=$?

status=""
if [ -s "$report/report.json" ]; then
    status=$("$place/venv/bin/python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["status"])' "$report/report.json")
fi
{
    echo "exit-code=$code"
    echo "status=$status"
    echo "report=$report"
} >>"${GITHUB_OUTPUT:-/dev/null}"
exit "$code"
