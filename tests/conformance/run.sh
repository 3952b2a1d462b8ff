#!/usr/bin/env bash
# Checks every query in out/ with independent parsers (check.py), then executes the queries of all detections, of all
# language tests and of random specs on independent engines and compares their rows with the evaluator's (run.py).
# Between them it parses queries with hostile texts at every place where an author writes free text (injection.py), and takes
# every seventh of the public Sigma rules with its witnesses (witnesses.sh), if these rules are in $COGNATE_PUBLIC_DATA, else in
# the folder `shared` beside the repository.
# usage: run.sh [RANDOM_SPECS [SEED [only-random]]]     2,000 random specs of seed 1 if not given
# Installs what the engine kit needs first. The kit's folder is $COGNATE_ENGINES, or tests/conformance/engines; it
# installs into $ENGINES_HOME.
set -euo pipefail
cd "$(dirname "$0")/../.."
count=${1:-2000}
seed=${2:-1}
sets=${3:-all}
kit=${COGNATE_ENGINES:-tests/conformance/engines}
if [ ! -f "$kit/check.py" ]; then
    echo "conformance: there is no engine kit at $kit (COGNATE_ENGINES)" >&2
    exit 2
fi
for tool in python3 node npm cargo; do
    if ! command -v "$tool" >/dev/null; then
        echo "conformance: SKIPPED: $tool is missing"
        exit 0
    fi
done
"$kit/install.sh" --with-appinspect
cargo build --release --locked --quiet
# a debug build: `cargo test` needs it too
cargo build --example conformance --locked --quiet
cases=$(mktemp -d)
trap 'rm -rf "$cases"' EXIT

if [ "$sets" = all ]; then
    python3 tests/conformance/check.py "$kit"
    echo
    "${ENGINES_HOME:-$HOME/.cache/detection-engines}/python/bin/python" tests/conformance/packages.py "$kit"
    for set in detections features; do
        echo
        target/debug/examples/conformance "$set" > "$cases/$set"
        python3 tests/conformance/run.py "$kit" "$cases/$set"
    done
    echo
    target/debug/examples/conformance --lookups detections > "$cases/lookups"
    python3 tests/conformance/run.py "$kit" "$cases/lookups" --no-table
    echo
    target/debug/examples/conformance injection "$seed" 45 > "$cases/injection"
    python3 tests/conformance/injection.py "$kit" "$cases/injection"
    echo
    rules=${COGNATE_PUBLIC_DATA:-../shared}/corpus/sigma
    if [ -d "$rules" ]; then
        tests/conformance/witnesses.sh "$rules" 7
    else
        echo "witnesses of public rules: SKIPPED: no rules here (set COGNATE_PUBLIC_DATA)"
    fi
fi
echo
target/debug/examples/conformance random "$seed" "$count" > "$cases/random"
python3 tests/conformance/run.py "$kit" "$cases/random" --no-table
echo
target/debug/examples/conformance several "$seed" $((count / 5)) > "$cases/several"
python3 tests/conformance/run.py "$kit" "$cases/several" --no-table
