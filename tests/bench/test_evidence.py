"""What stored evidence may say, and to which level it leaves a rule."""

import json
from pathlib import Path
from typing import Any

import pytest

from smellcheck import evidence, plugins
from smellcheck.bench import record
from smellcheck.bench.trial import PROTOCOL_VERSION, Trial
from smellcheck.bench.workload import fingerprint
from smellcheck.evidence import COUNTERS, SCHEMA_VERSION
from smellcheck.page import read_page

PAGE = """# A smell

Something is done twice.

## Leave it

When twice is wanted.

## Proof

Sizes: 8, 32.

Counter: {counter}.

```python proof
def smelly():
    return [1, 1]  # smell

def clean():
    return [1, 1]
```
"""
COUNTS = {"flops": 100, "live_peak": 1000, "operations": 50, "h2d_bytes": 0}


def page(folder: Path, counter: str = "live peak") -> Path:
    path = folder / "a_smell.md"
    path.write_text(PAGE.format(counter=counter), encoding="utf-8")
    return path


def entry(
    path: Path, verdict: str = "not-measured", ratio: tuple[float, float, float] | None = None, **clean: int
) -> dict[str, Any]:
    (proof,) = read_page(path).proofs
    energy = None if ratio is None else {"estimate": ratio[0], "interval": [ratio[1], ratio[2]]}
    size = {"counts": {"smelly": COUNTS, "clean": {**COUNTS, **clean}}, "energy": energy, "verdict": verdict}
    return {
        "proof": proof.title,
        "hash": fingerprint(proof, PROTOCOL_VERSION),
        "device": {"kind": "cuda" if ratio else "cpu", "name": "NVIDIA H200" if ratio else "x86_64 CPU"},
        "sizes": [{"size": 8, **size}, {"size": 32, **size}],
        "verdict": verdict,
    }


def stored(path: Path, *entries: dict[str, Any]) -> Path:
    record.write(
        path.with_suffix(".json"), {"schema_version": SCHEMA_VERSION, "rule": "a-smell", "entries": list(entries)}
    )
    evidence.entries.cache_clear()
    return path


def test_without_evidence_nothing_is_said_and_nothing_lowered(tmp_path: Path) -> None:
    path = page(tmp_path)
    evidence.entries.cache_clear()
    assert evidence.quoted(path) is None
    assert evidence.level("warning", path) == "warning"


def test_a_count_is_called_a_count(tmp_path: Path) -> None:
    path = page(tmp_path)
    stored(path, entry(path, live_peak=125))
    (found,) = evidence.entries(path)
    assert found.words == "counted on x86_64 CPU, not measured in joules: 0.12× live peak memory"
    assert evidence.level("warning", path) == "warning"


def test_a_saving_names_device_ratio_and_interval(tmp_path: Path) -> None:
    path = page(tmp_path, "operations")
    stored(path, entry(path, "saves", (0.62, 0.60, 0.64), operations=5, live_peak=16000))
    (found,) = evidence.entries(path)
    assert found.words == ("measured on NVIDIA H200: 0.62× energy (0.6 to 0.64); 0.1× operations; 16× live peak memory")


@pytest.mark.parametrize(
    ("counter", "verdict", "ratio", "clean", "wanted"),
    [
        ("operations", "saves", (0.6, 0.5, 0.7), {"operations": 5}, "warning"),
        ("operations", "no-effect", (1.0, 0.99, 1.01), {"operations": 5}, "info"),
        ("live peak", "no-effect", (1.0, 0.99, 1.01), {"live_peak": 100}, "warning"),
        ("live peak", "no-effect", (1.0, 0.99, 1.01), {}, "info"),
        ("operations", "costs", (1.2, 1.1, 1.3), {"operations": 5}, "advice"),
        ("operations", "cannot-tell", (1.0, 0.8, 1.2), {"operations": 5}, "warning"),
        ("operations", "cannot-tell", (1.0, 0.8, 1.2), {}, "info"),
        ("operations", "not-measured", None, {"operations": 5}, "warning"),
        ("operations", "not-measured", None, {"operations": 49}, "info"),
        ("operations", "invalid-outputs", None, {"operations": 5}, "info"),
    ],
)
def test_evidence_can_only_lower_a_level(
    tmp_path: Path, counter: str, verdict: str, ratio: Any, clean: dict[str, int], wanted: str
) -> None:
    path = page(tmp_path, counter)
    stored(path, entry(path, verdict, ratio, **clean))
    assert evidence.level("warning", path) == wanted
    assert evidence.level("advice", path) == "advice"


@pytest.mark.parametrize(
    ("counter", "verdict", "ratio", "wanted"),
    [
        ("operations", "no-effect", (1.0, 0.99, 1.01), "info"),
        ("operations", "costs", (1.2, 1.1, 1.3), "advice"),
        ("operations", "cannot-tell", (1.0, 0.8, 1.2), "warning"),
        ("live peak", "no-effect", (1.0, 0.99, 1.01), "warning"),
    ],
)
def test_counts_do_not_speak_against_joules(
    tmp_path: Path, counter: str, verdict: str, ratio: tuple[float, float, float], wanted: str
) -> None:
    path = page(tmp_path, counter)
    stored(path, entry(path, operations=5, live_peak=100), entry(path, verdict, ratio, operations=5, live_peak=100))
    assert evidence.level("warning", path) == wanted


def test_sizes_that_disagree_are_no_noise(tmp_path: Path) -> None:
    path = page(tmp_path, "operations")
    mixed = entry(path, "cannot-tell", (0.9, 0.7, 1.01), operations=5)
    mixed["sizes"][0]["verdict"], mixed["sizes"][1]["verdict"] = "saves", "no-effect"
    stored(path, mixed)
    (found,) = evidence.entries(path)
    assert found.words == (
        "measured on NVIDIA H200: energy depends on the size: saves at 8, no-effect at 32; 0.1× operations"
    )


def test_a_rewrite_with_other_results_claims_nothing(tmp_path: Path) -> None:
    path = page(tmp_path, "operations")
    stored(path, entry(path, "invalid-outputs", operations=5))
    (found,) = evidence.entries(path)
    assert "×" not in found.words and "other results" in found.words


def test_an_honest_null_is_said(tmp_path: Path) -> None:
    path = page(tmp_path)
    stored(path, entry(path, "no-effect", (1.0, 0.99, 1.01), live_peak=170))
    (found,) = evidence.entries(path)
    assert found.words == "measured on NVIDIA H200: no effect on energy; 0.17× live peak memory"


def test_evidence_of_another_text_is_stale(tmp_path: Path) -> None:
    path = page(tmp_path)
    stored(path, entry(path, live_peak=125))
    path.write_text(path.read_text(encoding="utf-8").replace("[1, 1]  #", "[2, 2]  #"), encoding="utf-8")
    evidence.entries.cache_clear()
    assert evidence.entries(path) == ()


def test_prose_does_not_make_it_stale(tmp_path: Path) -> None:
    path = page(tmp_path)
    stored(path, entry(path, live_peak=125))
    path.write_text(path.read_text(encoding="utf-8").replace("done twice", "done two times"), encoding="utf-8")
    evidence.entries.cache_clear()
    assert len(evidence.entries(path)) == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"schema_version": 99, "entries": []}', "\x00"])
def test_what_cannot_be_read_is_no_evidence(tmp_path: Path, text: str) -> None:
    path = page(tmp_path)
    path.with_suffix(".json").write_text(text, encoding="utf-8")
    evidence.entries.cache_clear()
    assert evidence.entries(path) == ()


def test_a_newer_entry_replaces_the_older_of_its_proof_and_device(tmp_path: Path) -> None:
    path = page(tmp_path)
    file = path.with_suffix(".json")
    record.store(file, "a-smell", entry(path, live_peak=500))
    record.store(file, "a-smell", entry(path, "saves", (0.6, 0.5, 0.7)))
    record.store(file, "a-smell", entry(path, live_peak=250))
    entries = json.loads(file.read_text(encoding="utf-8"))["entries"]
    assert [one["device"]["kind"] for one in entries] == ["cpu", "cuda"]
    assert entries[0]["sizes"][0]["counts"]["clean"]["live_peak"] == 250
    assert [item.name for item in tmp_path.iterdir() if item.name.startswith(".")] == []


def test_evidence_of_another_rule_is_not_overwritten(tmp_path: Path) -> None:
    path = page(tmp_path)
    record.store(path.with_suffix(".json"), "a-smell", entry(path))
    with pytest.raises(ValueError, match="not evidence of `other`"):
        record.store(path.with_suffix(".json"), "other", entry(path))


RULES = {rule.name: rule for rule in plugins.rules()}


@pytest.mark.parametrize("name", RULES)
def test_every_proof_names_its_counter(name: str) -> None:
    for proof in read_page(RULES[name].page).proofs:
        assert proof.counter in COUNTERS, f"{proof.title}: {proof.counter!r}"
        assert len(proof.sizes) >= 2


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.level == "warning"])
def test_no_rule_warns_without_evidence(name: str) -> None:
    entries = evidence.entries(RULES[name].page)
    proofs = {proof.title for proof in read_page(RULES[name].page).proofs}
    assert {entry.proof for entry in entries} == proofs, "run `smellcheck bench` and commit what it writes"
    assert evidence.level("warning", RULES[name].page) == "warning"


@pytest.mark.parametrize("name", RULES)
def test_stored_verdicts_follow_from_the_raw_samples(name: str) -> None:
    for one in record.read(RULES[name].page.with_suffix(".json"), name)["entries"]:
        for size in one["sizes"]:
            if size["trial"] is None:
                assert size["verdict"] in ("not-measured", "invalid-outputs")
                continue
            verdict, ratio = Trial.from_json(size["trial"]).judge("energy")
            assert verdict == size["verdict"]
            assert (ratio.to_json() if ratio else None) == size["energy"]


SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/evidence.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", RULES)
def test_stored_evidence_follows_its_schema(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = record.read(RULES[name].page.with_suffix(".json"), name)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    if not document["entries"]:
        pytest.skip("nothing has been counted of it")
    broken = json.loads(json.dumps(document))
    broken["entries"][0]["verdict"] = "confirmed"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(broken)


def recountable() -> list[tuple[str, str]]:
    """The proofs in torch alone: what the others count depends on the version of their library as well."""
    return [
        (name, proof.title)
        for name, rule in RULES.items()
        if rule.family == "torch"
        for proof in read_page(rule.page).proofs
    ]


@pytest.mark.parametrize(("name", "title"), recountable())
def test_stored_counts_are_counted_again(name: str, title: str) -> None:
    from smellcheck.bench import accelerator
    from smellcheck.bench.counts import count
    from smellcheck.bench.workload import build

    proof = next(proof for proof in read_page(RULES[name].page).proofs if proof.title == title)
    versions = record.environment()["libraries"]
    for one in record.read(RULES[name].page.with_suffix(".json"), name)["entries"]:
        if one["proof"] != title or one["environment"]["libraries"]["torch"] != versions["torch"]:
            continue
        if one["device"]["kind"] == "simulated" and accelerator.unavailable() is not None:
            continue
        device = {"cpu": "cpu", "simulated": accelerator.NAME}.get(one["device"]["kind"])
        if device is None:
            continue
        size = one["sizes"][0]
        for arm, stored_counts in size["counts"].items():
            again = count(build(proof, arm, device, size["size"]), device, instructions=False).to_json()
            # Bytecode is another with every version of Python, and of the libraries' own Python.
            assert {**again, "instructions": None} == {**stored_counts, "instructions": None}
