"""Fuzzes each target for a while: `python -m tests.fuzz [--seconds 60] [TARGET…]`.

What breaks a promise is kept as a file in tests/vectors/fuzz/TARGET/, where `test_replay` runs it ever after. What the
search learns is kept in .fuzz/TARGET/ for the next time.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.seeds import MOST_OCTETS, seeds, words
from tests.fuzz.targets import TARGETS
from tests.house.citations import ROOT

FINDINGS = ROOT / "tests" / "vectors" / "fuzz"
CORPUS = ROOT / ".fuzz"
SLOW_SECONDS = 5  # for one input of at most 64 kB; a parser that is linear needs milliseconds


def fuzz(target: str, seconds: int) -> list[Path]:
    """Fuzz one target; gives the findings."""
    corpus = CORPUS / target
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found, start = folder / "found", folder / "seeds"
        found.mkdir()
        start.mkdir()
        for text in seeds(target):
            (start / hashlib.sha256(text).hexdigest()[:16]).write_bytes(text)
        dictionary = folder / "words"
        dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in [*words(target), b"\xff"]))
        limits = [f"-max_total_time={seconds}", f"-max_len={MOST_OCTETS}", f"-timeout={SLOW_SECONDS}"]
        run = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.drive", target, *limits, "-rss_limit_mb=2048", f"-dict={dictionary}",
             "-print_final_stats=1", f"-artifact_prefix={found}/", str(corpus), str(start)],
            cwd=ROOT, env={"PYTHONPATH": f"src:{ROOT}:" + ":".join(sys.path), "PYTHONHASHSEED": "0"},
            capture_output=True, check=False,
        )  # fmt: skip
        (CORPUS / f"{target}.log").write_bytes(run.stdout + run.stderr)
        if run.returncode and not list(found.iterdir()):
            raise SystemExit(f"{target} could not be fuzzed: see {CORPUS}/{target}.log")
        return [_keep(target, path) for path in sorted(found.iterdir()) if not path.name.startswith("slow-unit")]


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in word)


def _keep(target: str, path: Path) -> Path:
    kept = FINDINGS / target / path.name[:20]
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(path.read_bytes())
    return kept


def _runs(target: str) -> str:
    for line in (CORPUS / f"{target}.log").read_text("utf-8", "replace").splitlines():
        if line.startswith("stat::number_of_executed_units"):
            return line.split()[-1]
    return "?"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all of {', '.join(TARGETS)}")
    options = parser.parse_args()
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    count = 0
    for target in options.targets or TARGETS:
        findings = fuzz(target, options.seconds)
        count += len(findings)
        print(f"{target}: {_runs(target)} inputs, {len(findings)} findings", flush=True)  # noqa: T201 - a command prints
        for path in findings:
            print(f"    {path.relative_to(ROOT)}; the story is in .fuzz/{target}.log", flush=True)  # noqa: T201 - as above
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
