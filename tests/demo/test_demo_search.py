"""The search routes, and the words that they take."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flowtui.demo.projects import build
from flowtui.demo.sample_data import DAY, NOW

ALL = build()

LABELS = {"samples": "name", "executions": "pipeline_name", "data": "filename", "projects": "name"}


def get(client: httpx.Client, path: str, **params: Any) -> Any:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(client: httpx.Client, kind: str, **params: Any) -> list[str]:
    rows = get(client, f"/{kind}/search", count=100, sort="name", **params)[kind]
    return [row[LABELS[kind]] for row in rows]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"name": "H3K27AC"}, [f"liver_H3K27ac_rep{n}" for n in (1, 2, 3)]),
        ({"sample_types": "ChIP-Seq"}, [f"liver_H3K27ac_rep{n}" for n in (1, 2, 3)]),
        ({"sample_types": "ChIP"}, []),
        ({"name": "rep1", "sample_types": "CLIP,ChIP-Seq", "owner": "dana"},
         ["liver_H3K27ac_rep1"]),
        ({"owner": "r.okafor", "name": "week_03"}, ["week_03"]),
        ({"organism": "Cov", "created_gt": NOW - 30 * DAY, "name": "week_1"},
         ["week_10", "week_11", "week_12"]),
        ({"organism": "Cov", "created_gt": NOW}, []),
        ({"cell_type": "hepato"}, [f"liver_H3K27ac_rep{n}" for n in (1, 2, 3)]),
        ({"condition": "treated"}, ["cortex_drug_1", "cortex_drug_2"]),
        ({"owned": "true", "sample_types": "CLIP"}, []),
        ({"project": "cortex", "name": "drug"}, ["cortex_drug_1", "cortex_drug_2"]),
    ],
)  # fmt: skip
def test_samples(client: httpx.Client, params: dict[str, Any], found: list[str]) -> None:
    assert names(client, "samples", **params) == found


@pytest.mark.parametrize(
    ("kind", "params", "found"),
    [
        ("data", {"uploaded": "true", "owned": "true", "category": "3"},
         ["run_0421_lane1.fastq.gz", "run_0421_lane2.fastq.gz"]),
        ("data", {"category": "2"},
         ["run_0421_lane1_annotation.csv", "run_0421_lane2_annotation.csv"]),
        ("data", {"pattern": r"^run_\d+_lane2\."}, ["run_0421_lane2.fastq.gz"]),
        ("data", {"data_types": "gtf", "filename": "GRC"},
         ["GRCh38.gtf", "GRCh38.gtf", "GRCm39.gtf"]),
        ("data", {"pipeline": "Demultiplex"}, ["demultiplex_report.html"]),
        ("data", {"filename": "child", "size_gt": 100_000_000, "uploaded": "false"},
         ["trio7_child.sorted.bam"]),
        ("executions", {"pipeline": "demultiplex", "status": "ok"}, ["Demultiplex"]),
        ("executions", {"organism": "mouse"}, ["Genome preparation"]),
        ("projects", {"sample_types": "CLIP"}, ["K562 eCLIP atlas"]),
        ("projects", {"pipeline": "viralrecon"}, ["SARS-CoV-2 surveillance"]),
        ("projects", {"created_gt": NOW - 2 * DAY}, ["Human cortex RNA-seq"]),
    ],
)  # fmt: skip
def test_other_kinds(
    client: httpx.Client, kind: str, params: dict[str, Any], found: list[str]
) -> None:
    assert names(client, kind, **params) == found


def test_a_date_that_is_no_number_is_a_server_error(live: httpx.Client) -> None:
    for kind in LABELS:
        answer = live.get(f"/{kind}/search", params={"created_gt": "2026-01-01"})
        assert answer.status_code == 500
    assert live.get("/data/search", params={"pattern": "("}).status_code == 400


def test_metadata_is_whole_only_where_it_is_asked_for(live: httpx.Client) -> None:
    def metadata(**params: Any) -> list[str]:
        [row] = get(live, "/samples/search", name="cortex_drug_1", **params)["samples"]
        return list(row["metadata"])

    assert metadata() == ["cell_type"]
    assert metadata(full_metadata="true") == ["cell_type", "condition"]
    rows = get(live, "/projects/12/samples")["samples"]
    assert [row["metadata"] for row in rows] == [{}] * 4


def test_what_is_in_no_project(live: httpx.Client) -> None:
    rows = get(live, "/samples/search", owned="true", name="liver")["samples"]
    assert [row["project_name"] for row in rows].count(None) == 3
    assert get(live, f"/samples/{rows[0]['id']}")["project"] is None
    [run] = get(live, "/executions/search", pipeline="Genome preparation")["executions"]
    detail = get(live, f"/executions/{run['id']}")
    assert detail["project"] is None
    assert detail["fileset"]["organism"] == {"id": "Mm", "name": "Mouse"}
    _, output = [row for process in detail["process_executions"]
                 for row in process["downstream_data"]]  # fmt: skip
    assert live.get(f"/downloads/{output['id']}/{output['filename']}").status_code == 200
    assert len(get(live, "/projects/search", count=100)["projects"]) == len(
        [project for project in ALL.projects.values() if project.visible_to("demo")]
    )
    nobody = httpx.Client(base_url=live.base_url, timeout=60.0)
    assert get(nobody, "/samples/search", name="liver")["count"] == 0
    assert nobody.get(f"/samples/{rows[0]['id']}").status_code == 404


def test_search_over_everything(client: httpx.Client, live: httpx.Client) -> None:
    found = get(client, "/search", q="lane1")
    assert [row["filename"] for row in found["results"]["data"]] == [
        "run_0421_lane1.fastq.gz", "run_0421_lane1_annotation.csv",
    ]  # fmt: skip
    assert found["total_count"] == 2
    assert [row["name"] for row in get(live, "/search", q="cortex")["projects"]] == [
        "Human cortex RNA-seq"
    ]


def test_the_words(live: httpx.Client) -> None:
    kinds = {row["identifier"]: row for row in get(live, "/samples/types")}
    assert {"RNA-Seq", "CLIP", "ChIP-Seq", "Ribo-Seq", "scRNA-Seq"} <= kinds.keys()
    assert kinds["CLIP"]["sample_count"] == 5
    assert "cell_type" in {row["identifier"] for row in kinds["CLIP"]["attributes"]}
    assert get(live, "/samples/metadata/condition/options")["count"] == 2
    assert live.get("/samples/metadata/nothing/options").status_code == 404
    assert "fastq" in {row["identifier"] for row in get(live, "/data/types")}


def test_organisms_and_their_genomes(live: httpx.Client) -> None:
    organisms = {row["id"]: row for row in get(live, "/organisms")}
    assert organisms["Cov"]["latest_fileset"] is None
    assert organisms["Hs"]["latest_fileset"]["name"] == "GRCh38 Gencode 45"
    human = get(live, "/organisms/Hs")
    assert [row["name"] for row in human["filesets"]] == ["GRCh38 Gencode 45", "GRCh38 Gencode 39"]
    file = human["filesets"][0]["data"][0]
    assert live.get(f"/downloads/{file['id']}/{file['filename']}").status_code == 200
    assert get(live, f"/data/{file['id']}")["fileset"]["name"] == "GRCh38 Gencode 45"
    assert live.get("/organisms/Xx").status_code == 404


def test_the_guide_has_none_of_them(guide: httpx.Client) -> None:
    paths = [f"/{kind}/search" for kind in LABELS]
    for path in (*paths, "/search", "/samples/types", "/data/types", "/organisms/Hs"):
        assert guide.get(path).status_code == 404
