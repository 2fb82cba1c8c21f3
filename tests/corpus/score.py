"""Scores a run on the labelled projects: which labelled smells it finds, and which labelled negatives it reports.

    smellcheck PROJECTS --output-format json > run.json
    python tests/corpus/score.py run.json tests/corpus/recall_torch.tsv [...]

`PROJECTS` holds one folder a project, `owner__name`; paths in the run are relative to it. A label's line may name the
places of one waste that a finding may stand at: `192/197`.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from pathlib import Path

#: A label stands on the wasted call, a finding on its first character: a call spread over lines may lie between.
NEAR = 4
#: Rules that tell of one waste by its different causes: whoever labels a place names one of them, and the tool another.
SAME_WASTE = (
    {"missing-no-grad", "no-op-grad-guard", "forward-then-detach", "teacher-without-no-grad", "generator-not-detached"},
    {"tensor-created-on-cpu", "constant-tensor-in-hot-path", "unregistered-buffer"},
    {"sync-in-hot-loop", "python-loop-over-tensor", "numpy-round-trip"},
    {"unbatched-inference", "pipeline-in-loop", "encode-in-loop"},
)


def found(run: Path) -> set[tuple[str, int, int, str]]:
    """The places of a run's findings: path from the project's folder on, lines from and to, rule.

    A place is what is near a finding, or what its fix changes: a guard is told of once, and put around all it mends.
    """
    places = set()
    for finding in json.loads(run.read_text(encoding="utf-8"))["findings"]:
        line = finding["range"]["start"]["line"]
        places.add((finding["path"], line - NEAR, line + NEAR, finding["rule"]))
        for edit in (finding["fix"] or {"edits": ()})["edits"]:
            lines = edit["range"]["start"]["line"], edit["range"]["end"]["line"]
            places.add((finding["path"], *lines, finding["rule"]))
    return places


def labelled(table: Path) -> list[dict[str, str]]:
    """The rows of a table of labels."""
    with table.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def same_waste(rule: str) -> set[str]:
    """The rules by which a label's place may be reported: its own, and those of the same waste."""
    return {rule}.union(*(group for group in SAME_WASTE if rule in group))


def main(arguments: list[str]) -> int:
    """Print recall for each rule, every miss, and every labelled negative that the run reports."""
    places = found(Path(arguments[0]))
    hits, smells = Counter[str](), Counter[str]()
    for row in (row for table in arguments[1:] for row in labelled(Path(table))):
        path = f"{row['project'].replace('/', '__')}/{row['path']}"
        lines = [int(line) for line in row["line"].split("/")]
        accepted = same_waste(row["rule"]) if row["verdict"] == "smell" else {row["rule"]}
        hit = any(
            where.endswith(path) and rule in accepted and any(first <= line <= last for line in lines)
            for where, first, last, rule in places
        )
        if row["verdict"] == "smell":
            smells[row["rule"]] += 1
            hits[row["rule"]] += hit
        if hit != (row["verdict"] == "smell"):
            print(
                "missed" if row["verdict"] == "smell" else "wrong", path, row["line"], row["rule"], row["why"], sep="\t"
            )
    for rule, count in sorted(smells.items()):
        print(f"{rule}: {hits[rule]} of {count}")
    print(f"recall: {hits.total()} of {smells.total()} ({hits.total() / max(1, smells.total()):.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
