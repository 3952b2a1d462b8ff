#!/usr/bin/env bash
# Checks every query in out/ with independent parsers (see check.py). Installs what the engine kit needs first.
# The kit's folder is $COGNATE_ENGINES, or tests/conformance/engines; it installs into $ENGINES_HOME.
set -euo pipefail
cd "$(dirname "$0")/../.."
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
"$kit/install.sh"
cargo build --release --locked --quiet
python3 tests/conformance/check.py "$kit"
