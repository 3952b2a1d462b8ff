#!/usr/bin/env python3
"""Compiles a folder of Sigma rules with Cognate and with sigma-cli, beside the floor (its YAML read into trees), in one run.

usage: run.py RULES [RUNS]        RULES is a folder of Sigma rules; medians of RUNS runs, 7 if not given

Builds what it needs (cargo) and installs sigma-cli with its Splunk backend into a folder of its own ($BENCH_HOME, default
~/.cache/cognate-bench) from the package registry. Prints CPU seconds (user + system), the largest memory, and ratios to the
floor. Nothing else should run meanwhile."""
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HOME = pathlib.Path(os.environ.get("BENCH_HOME") or "~/.cache/cognate-bench").expanduser()
PINS = ["sigma-cli==3.1.0", "pysigma-backend-splunk==2.1.0"]


def measured(command, folder):
    """(CPU seconds, MB) of one run; its outputs are thrown away"""
    pid = os.fork()
    if pid == 0:
        os.chdir(folder)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.execvp(command[0], command)
    _, status, used = os.wait4(pid, 0)
    # 1: some of the rules are refused
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        sys.exit(f"{' '.join(map(str, command))} ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def sigma_cli():
    """the program, installed if need be; nothing without a package registry"""
    program = HOME / "bin/sigma"
    if not program.exists():
        venv.create(HOME, with_pip=True)
        if subprocess.run([HOME / "bin/pip", "install", "-q", *PINS]).returncode:
            shutil.rmtree(HOME)
            return None
    return program


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    rules, runs = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 7
    for folder in (ROOT, HERE):
        subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=folder, check=True)
    cognate, sigma = str(ROOT / "target/release/cognate"), sigma_cli()
    one = next(path for path in sorted(rules.rglob("*.yml")))
    with tempfile.TemporaryDirectory() as scratch:
        build = [cognate, "build", str(rules), "--out", scratch + "/out"]
        measured(build, scratch)
        commands = {
            "floor: YAML into trees": ([str(HERE / "target/release/corpus"), str(rules)], runs),
            "one rule to Splunk": ([cognate, "convert", "-q", "-t", "spl", str(one)], runs),
            "all rules to Splunk": ([cognate, "convert", "-q", "-t", "spl", str(rules)], runs),
            "all rules to Sentinel": ([cognate, "convert", "-q", "-t", "kql", str(rules)], runs),
            "build, four targets, nothing to write": (build, runs),
        }
        if sigma:
            command = [str(sigma), "convert", "-t", "splunk", "-p", "splunk_windows", "-s", str(rules)]
            commands["sigma-cli: all rules to Splunk"] = (command, 1)
        taken = {name: [] for name in commands}
        for round_ in range(runs):
            for name, (command, count) in commands.items():
                if round_ < count:
                    taken[name].append(measured(command, scratch))
    floor = statistics.median(cpu for cpu, _ in taken["floor: YAML into trees"])
    print(f"{'':40} {'CPU':>8} {'memory':>8} {'x floor':>8}")
    for name, values in taken.items():
        cpu, memory = statistics.median(cpu for cpu, _ in values), max(memory for _, memory in values)
        print(f"{name:40} {cpu:7.3f}s {memory:6.0f}MB {cpu / floor:8.2f}")
    if sigma:
        ours = statistics.median(cpu for cpu, _ in taken["all rules to Splunk"])
        print(f"sigma-cli takes {taken['sigma-cli: all rules to Splunk'][0][0] / ours:.0f} times as long as Cognate for the same rules and target")


if __name__ == "__main__":
    main()
