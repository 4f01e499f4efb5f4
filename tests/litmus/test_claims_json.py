"""Is claims.json what its schema says, and does the page about it say all of it and no more?"""

import json
from copy import deepcopy
from typing import get_args

import pytest
from jsonschema import Draft202012Validator, ValidationError

from litmus.claims.evidence import Mark, Outcome, write_ledger
from litmus.claims.kinds import KINDS
from litmus.claims.loops import COLUMNS
from litmus.claims.measured import ROLES
from litmus.claims.records import Record, digests_of, write_record
from litmus.claims.statuses import Argument, Evidence
from litmus.claims.ways import WAYS
from litmus.material.commands import build_folder
from litmus.python.fingerprint import fingerprint
from litmus.site.claims_json import MOST_NAMED, SCHEMA, VERSION, claims_json
from litmus.site.project import Project
from tests.litmus.conftest import write_files
from tests.litmus.test_public_face import first_column
from tests.systems import ROOT

PUBLISHED = json.loads(SCHEMA.read_text(encoding="utf-8"))
PARTS = {
    "the file": PUBLISHED,
    **{f"a {part}": PUBLISHED["$defs"][part] for part in ("claim", "test", "loop")},
}


def strict(schema):
    """The schema for who writes the file: of each part, no other field than those it names."""
    schema = deepcopy(schema)
    for part in (schema, *(schema["$defs"][name] for name in ("claim", "test", "loop"))):
        part["additionalProperties"] = False
    return schema


Draft202012Validator.check_schema(PUBLISHED)
WRITTEN, READ = Draft202012Validator(strict(PUBLISHED)), Draft202012Validator(PUBLISHED)


def claim(kind, statement="x", proof="", **properties):
    said = "".join(f"{name}: {value}\n" for name, value in {"kind": kind, **properties}.items())
    return f"---\n{said}---\n# T\n\n{statement}\n" + (f"\n## Proof\n\n{proof}\n" if proof else "")


NOTES = {
    "docs/claims/d.md": claim("definition"),
    "docs/claims/argued.md": claim("lemma", "Let [[d]] and $x$. ^seed", "By [[d]].", source="'@k'"),
    "docs/claims/cited.md": claim("theorem", source="'@k, Theorem 1'"),
    "docs/claims/open.md": claim("conjecture"),
    "docs/claims/refuted.md": claim("conjecture"),
    "docs/claims/stale.md": claim("lemma"),
    "docs/claims/failing.md": claim("lemma"),
    "docs/claims/checked.md": claim("lemma"),
    "tests/test_a.py": "",
}
# Of each way of evidence what stands beside its numbers: a confidence, and how many candidates.
BESIDE = {"simulation": (0.999, None), "search": (None, 200)}
# Marks of a test, how often it passed, failed and was skipped, and what it measured and allowed.
TESTS = {
    **{
        f"test_{way}": (
            [Mark("claim", "argued", by=way)],
            *((1, 0, 0), (0.0, 1e-12, *BESIDE.get(way, ()))),
        )
        for way in WAYS
    },
    "test_control": (
        [Mark("control", "argued", drops="d", instead="another one")],
        *((3, 0, 1), (0.5, 0.1)),
    ),
    "test_block": ([Mark("control", "argued", drops="^seed")], (1, 0, 0), (2, 1)),
    "test_two": (
        [Mark("claim", "checked", by="exact"), Mark("claim", "argued", by="exact")],
        *((2, 0, 0), (0, 0)),
    ),
    "test_counterexample": ([Mark("counterexample", "refuted")], (1, 0, 0), (1.5, 1)),
    "test_skipped": ([Mark("claim", "open", by="search")], (0, 0, 1), (None, None)),
    "test_failing": ([Mark("claim", "failing", by="float64")], (0, 1, 0), (None, None)),
    "test_stale": ([Mark("claim", "stale", by="exact")], (1, 0, 0), (0, 0)),
}


@pytest.fixture
def written(tmp_path):
    """The file of a project with tests in every role and claims of every standing."""
    write_files(tmp_path, NOTES)
    now = fingerprint(tmp_path / "tests/test_a.py", tmp_path)
    outcomes = [
        Outcome(
            *(f"tests/test_a.py::{name}", 1, tuple(marks), *came_out),
            *(0.25, "2026-01-02", "3.11.7", "2.13.0"),
            *("another" if name == "test_stale" else now, (), *sizes),
        )
        for name, (marks, came_out, sizes) in TESTS.items()
    ]
    write_ledger(tmp_path, outcomes, ran=set())
    elsewhere = Outcome(
        *("tests/test_a.py::test_gpu", 1, (Mark("claim", "checked", by="exact"),), 1, 0, 0, 9.5),
        *("", "", "", "", (), 0, 0),
    )
    versions = {"Python": "3.12.1", "torch": "2.14.0"}
    digests = digests_of(["tests/test_a.py"], tmp_path)
    about = "tests/gpu.record.json", "pytest", "2026-01-03", "A GPU", versions
    write_record(tmp_path, Record(*about, (elsewhere,), {}, digests))
    return json.loads(claims_json(Project.ours(tmp_path, tmp_path / "docs").claims))


def test_tests_in_every_role_and_claims_of_every_standing_are_as_the_schema_says(written):
    WRITTEN.validate(written)
    claims = {claim["name"]: claim for claim in written["claims"]}
    assert {claim["argument"] for claim in claims.values()} == {*get_args(Argument)}
    assert {claim["evidence"] for claim in claims.values()} == {*get_args(Evidence)}
    tests = [test for claim in claims.values() for test in claim["tests"]]
    assert {test["role"] for test in tests} == {*ROLES}
    assert {test["by"] for test in tests if "by" in test} == {*WAYS}
    assert {test["measured"] for test in tests} == {0, 0.5, 2, 1.5, None}
    assert (claims["argued"]["assumes"], claims["argued"]["uses"]) == (["d"], ["d"])
    travelled = [test for test in tests if "record" in test]
    assert [(t["record"], t["device"], t["torch"], t["stale"]) for t in travelled] == [
        ("tests/gpu.record.json", "A GPU", "2.14.0", False)
    ]
    used = {field for test in tests for field in test}
    assert used == {*PUBLISHED["$defs"]["test"]["properties"]}
    assert next(iter(written)) == "version"


def test_the_claims_of_these_notes_are_as_the_schema_says():
    claims = Project.ours(ROOT, ROOT / "docs").claims
    assert len(claims) > 90
    WRITTEN.validate(json.loads(claims_json(claims)))


def test_a_chain_that_is_too_long_to_be_named_is_as_the_schema_says(tmp_path):
    chain = {
        f"claims/c{n}.md": claim("lemma", proof=f"[[c{n + 1}]]") for n in range(MOST_NAMED + 2)
    }
    write_files(tmp_path, {**chain, f"claims/c{MOST_NAMED + 2}.md": claim("definition")})
    written = json.loads(claims_json(Project.foreign(tmp_path).claims))
    WRITTEN.validate(written)
    below = {claim["name"]: claim["rests_on"] for claim in written["claims"]}
    assert (below["c0"], below["c1"]) == (MOST_NAMED + 2, MOST_NAMED + 1)
    assert len(below["c2"]) == MOST_NAMED


def test_a_vault_without_claims_is_as_the_schema_says(tmp_path):
    write_files(tmp_path, {"a.md": "# A\n"})
    written = json.loads(claims_json(Project.foreign(tmp_path).claims))
    WRITTEN.validate(written)
    assert written["claims"] == []


WRONG = {
    "another version": lambda file, claim, test: file.update(version=2),
    "no version": lambda file, claim, test: file.pop("version"),
    "no claims": lambda file, claim, test: file.pop("claims"),
    "nothing of loops": lambda file, claim, test: file.pop("in_training_loops"),
    "claims by name": lambda file, claim, test: file.update(claims={}),
    "another kind": lambda file, claim, test: claim.update(kind="lema"),
    "no name": lambda file, claim, test: claim.update(name=""),
    "a file as address": lambda file, claim, test: claim.update(address="claims/x"),
    "a number of assumptions": lambda file, claim, test: claim.update(assumes=3),
    "the same twice": lambda file, claim, test: claim.update(uses=["d", "d"]),
    "a few below by number": lambda file, claim, test: claim.update(rests_on=MOST_NAMED),
    "no source": lambda file, claim, test: claim.update(source=None),
    "verified": lambda file, claim, test: claim.update(argument="verified"),
    "evidence": lambda file, claim, test: claim.update(evidence="argued"),
    "no tests": lambda file, claim, test: claim.pop("tests"),
    "a file as test": lambda file, claim, test: test.update(test="tests/test_a.py"),
    "another role": lambda file, claim, test: test.update(role="check"),
    "another way": lambda file, claim, test: test.update(by="luck"),
    "a check without a way": lambda file, claim, test: test.pop("by"),
    "a control of nothing": lambda file, claim, test: test.update(role="control"),
    "a word for a count": lambda file, claim, test: test.update(passed="1"),
    "fewer than none": lambda file, claim, test: test.update(skipped=-1),
    "half a parameter": lambda file, claim, test: test.update(failed=0.5),
    "a count for a truth": lambda file, claim, test: test.update(stale=0),
    "a size below zero": lambda file, claim, test: test.update(measured=-1e-9),
    "a word for a size": lambda file, claim, test: test.update(allowed="1e-12"),
    "no size": lambda file, claim, test: test.pop("measured"),
    "a record of no device": lambda file, claim, test: test.update(record="a.record.json"),
    "a date of another form": lambda file, claim, test: test.update(date="2.1.2026"),
}


@pytest.mark.parametrize("spoil", WRONG.values(), ids=WRONG.keys())
def test_control_what_is_wrong_is_refused(written, spoil):
    claim = next(claim for claim in written["claims"] if claim["name"] == "argued")
    spoil(written, claim, claim["tests"][0])
    with pytest.raises(ValidationError):
        READ.validate(written)


@pytest.mark.parametrize("part", ["the file", "a claim", "a test"])
def test_a_field_that_is_new_is_ignored_by_who_reads_and_named_by_who_writes(written, part):
    claim = next(claim for claim in written["claims"] if claim["tests"])
    {"the file": written, "a claim": claim, "a test": claim["tests"][0]}[part]["new"] = 1
    READ.validate(written)
    with pytest.raises(ValidationError, match="'new' was unexpected"):
        WRITTEN.validate(written)


def test_the_words_of_the_schema_are_those_of_the_code():
    def words(part, field):
        return PUBLISHED["$defs"][part]["properties"][field]["enum"]

    assert words("claim", "kind") == [*KINDS]
    assert words("claim", "argument") == [*get_args(Argument)]
    assert words("claim", "evidence") == [*get_args(Evidence)]
    assert words("test", "role") == ROLES
    assert words("test", "by") == [*WAYS]
    assert words("loop", "column") == [*COLUMNS]
    assert PUBLISHED["properties"]["version"]["const"] == VERSION
    assert PUBLISHED["properties"]["$schema"]["const"] == SCHEMA.name
    number = PUBLISHED["$defs"]["claim"]["properties"]["rests_on"]["anyOf"][1]
    assert number["minimum"] == MOST_NAMED + 1


def test_every_field_has_a_description_and_all_but_these_are_always_there():
    for part, schema in PARTS.items():
        fields = schema["properties"]
        assert [name for name, field in fields.items() if not field.get("description")] == [], part
        optional = [name for name in fields if name not in schema["required"]]
        wanted = (
            ["by", "drops", "instead", "confidence", "among", "record", "device"]
            if part == "a test"
            else []
        )
        assert optional == wanted, part


def test_the_page_names_every_field_in_its_part_and_nothing_else():
    found = first_column("The claims as data")
    assert found == [field for schema in PARTS.values() for field in schema["properties"]]


@pytest.mark.parametrize(
    "words", [get_args(Argument), get_args(Evidence), ROLES, [*WAYS], [*COLUMNS]]
)
def test_the_page_has_the_words_of_the_code(words):
    page = (ROOT / "docs/building-on-litmus.md").read_text(encoding="utf-8")
    assert [word for word in words if word not in page.partition("## The claims as data")[2]] == []


def test_a_site_has_the_schema_beside_the_file_that_leads_to_it(tmp_path):
    write_files(tmp_path / "notes", {"claims/a.md": claim("lemma"), "claims.schema.json": "{}"})
    problems = build_folder(tmp_path / "notes", tmp_path / "site")
    written = json.loads((tmp_path / "site/claims.json").read_text(encoding="utf-8"))
    beside = tmp_path / "site" / written["$schema"]
    assert json.loads(beside.read_text(encoding="utf-8")) == PUBLISHED
    assert [problem.file for problem in problems] == ["claims.schema.json"]  # of the vault
