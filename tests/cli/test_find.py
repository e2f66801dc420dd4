"""find: what it says beside what it finds, and what it leaves with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flowtui.cli.main import cli

pytestmark = pytest.mark.usefixtures("signed_in")


def run(*args: str, status: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["find", *args])
    assert result.exit_code == status, result.output
    return result


def events(result: Result) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return [row for row in rows if "event" in row]


@pytest.fixture(autouse=True)
def contents(flow: Any) -> None:
    flow.answers |= {
        "/samples/search": (200, {"count": 1, "samples": [{"id": "1", "name": "liver"}]}),
        "/data/search": (200, {"count": 1, "data": [{"id": "2", "filename": "liver.bam"}]}),
        "/executions/search": (200, {"count": 0, "executions": []}),
        "/projects/search": (200, {"count": 0, "projects": []}),
    }


def test_what_could_not_be_checked_is_said_once_for_each_field() -> None:
    said = run("liver", "--owner", "ann").stderr
    assert said.count("could not check the owner of 1 sample: the server does not say") == 1
    assert said.count("could not check the owner of 1 file") == 1
    assert events(run("liver", "--owner", "ann", "--json")) == [
        {"event": "unchecked", "what": "sample", "fields": {"owner": 1}},
        {"event": "unchecked", "what": "data", "fields": {"owner": 1}},
    ]


def test_one_kind_in_trouble_costs_no_other(flow: Any) -> None:
    flow.answers["/samples/search"] = (400, {"error": "broken"})
    result = run("liver", status=1)
    assert "data/2" in result.stdout
    assert "left out samples: " in result.stderr
    (event,) = events(run("liver", "--json", status=1))
    assert (event["event"], event["name"]) == ("left_out", "samples")


def test_a_kind_that_has_no_such_type_costs_no_other(flow: Any) -> None:
    flow.answers["/samples/types"] = (200, [{"identifier": "RNA-Seq"}])
    assert "data/2" in run("--type", "bam").stdout
    assert "has no sample type 'bam'" in run("samples", "--type", "bam", status=2).stderr


def test_what_is_left_out_is_named_and_leaves_with_one(flow: Any) -> None:
    del flow.answers["/samples/search"]
    projects = [{"id": str(n), "name": f"P{n}"} for n in range(8)]
    flow.answers["/projects/search"] = (200, {"count": 8, "projects": projects})
    flow.answers["/projects/3/samples"] = (200, {"samples": [{"id": "1", "name": "liver"}]})
    result = run("samples", "liver", status=1)
    assert "sample/1" in result.stdout
    assert "this server has no search; looking through all projects that" in result.stderr
    assert "not searched: samples that are in no project" in result.stderr
    assert result.stderr.count("not found, or not visible to you") == 2  # and in the end
    assert "left out P1: the same" in result.stderr
    assert "left out P0: not found" in result.stderr and "left out P4: " in result.stderr
    assert "left out P7: " not in result.stderr and "left out 2 more: " in result.stderr
    told = events(run("samples", "liver", "--json", status=1))
    assert sum(event["event"] == "left_out" for event in told) == 7


def test_nothing_found_since_all_was_refused_is_not_allowed(flow: Any) -> None:
    flow.answers["/samples/search"] = (403, {"error": "Token not authorised for this endpoint"})
    flow.answers["/projects/search"] = (200, {"count": 1, "projects": [{"id": "1", "name": "P"}]})
    flow.answers["/projects/1/samples"] = (403, {"error": "Token not authorised"})
    assert "the search was refused" in run("samples", "liver", status=3).stderr


def test_a_name_of_an_owner_that_lists_do_not_use_is_explained(flow: Any) -> None:
    rows = [{"id": "1", "name": "liver", "owner_name": "Ann Lee"}]
    flow.answers["/samples/search"] = (200, {"count": 1, "samples": rows})
    said = run("samples", "--owner", "alee", status=4).stderr
    assert "--owner and --mine compare with the owner's name on Flow (Ann Lee here)" in said


def test_what_came_before_an_error_is_written(flow: Any) -> None:
    flow.answers["/data/search"] = (401, {"error": "Not authenticated"})
    result = run("liver", status=3)
    assert "sample/1" in result.stdout


@pytest.mark.parametrize("word", ["'", '"a b"', "[b]", "%", "%20", "&x=1", "肝臓", "x" * 10_000])
def test_odd_words_are_only_words(word: str) -> None:
    assert "nothing found" in run("samples", word, status=4).stderr


def test_nobody_is_told_that_only_what_is_public_is_searched(
    flow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLOW_ACCESS_TOKEN")
    flow.needs_token = False
    assert "searching only what is public" in run("samples", "liver").stderr
