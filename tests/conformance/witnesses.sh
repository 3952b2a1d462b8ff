#!/usr/bin/env bash
# Sigma rules below a folder: their queries are checked by independent parsers and executed on independent engines, on the
# witnesses of each rule: for every value that it tests events that it must find, and near misses.
# usage: witnesses.sh RULES [STEP [START]]     every STEPth rule only, from the STARTth (all if not given: half an hour on two cores)
# run.sh installs the engines and builds what is needed here.
set -euo pipefail
rules=$(realpath --relative-to="$(dirname "$0")/../.." "$1")
step=${2:-1}
start=${3:-0}
cd "$(dirname "$0")/../.."
kit=${COGNATE_ENGINES:-tests/conformance/engines}
cases=$(mktemp -d)
trap 'rm -rf "$cases"' EXIT

# in parts, so that no file becomes too large to be held
parts=$((step == 1 ? 8 : 1))
for part in $(seq 0 $((parts - 1))); do
    target/debug/examples/conformance witnesses "$rules" $((start + part)) $((step * parts)) > "$cases/$part"
done
python3 tests/conformance/check.py "$kit" "$cases"/*
python3 tests/conformance/run.py "$kit" "$cases"/* --no-table
