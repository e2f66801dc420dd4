"""The official client, flowbio 0.14.1, against the demo server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flowbio import Client as FirstClient
from flowbio.v2 import Client, UsernamePasswordCredentials
from flowbio.v2.exceptions import FlowApiError

from flowtui.demo.serve import DemoServer


@pytest.fixture
def flowbio(server: DemoServer) -> Iterator[Client]:
    client = Client(base_url=server.base_url)
    client.log_in(UsernamePasswordCredentials("demo", "demo"))
    yield client


def test_wrong_password_is_an_api_error_with_words(server: DemoServer) -> None:
    with pytest.raises(FlowApiError, match="Invalid credentials"):
        Client(base_url=server.base_url).log_in(UsernamePasswordCredentials("demo", "wrong"))


def test_owned_projects_come_over_pages(server: DemoServer, flowbio: Client) -> None:
    before = len(server.requests)
    projects = list(flowbio.samples.get_owned_projects())
    pages = [asked for asked in server.requests[before:] if asked.path == "/api/projects/owned"]
    assert len(pages) > 1
    assert len({project.id for project in projects}) == len(projects) == 16
    assert "12" in {project.id for project in projects}


def test_an_expired_token_is_refreshed(server: DemoServer, flowbio: Client) -> None:
    server.service.accounts.expire_all()
    before = len(server.requests)
    assert len(flowbio.samples.get_owned_projects()) == 16
    asked = [(one.path, one.status) for one in server.requests[before:]]
    assert asked == [
        ("/api/projects/owned", 401),
        ("/api/token", 200),
        ("/api/projects/owned", 200),
    ]


def test_without_a_refresh_token_the_401_stays(server: DemoServer, flowbio: Client) -> None:
    server.service.accounts.forget_all()
    with pytest.raises(FlowApiError) as caught:
        len(flowbio.samples.get_owned_projects())
    assert caught.value.status_code == 401


def test_what_describes_samples(flowbio: Client) -> None:
    assert "RNA-Seq" in {kind.identifier for kind in flowbio.samples.get_types()}
    assert "Hs" in {organism.id for organism in flowbio.samples.get_organisms()}
    attributes = {one.identifier: one for one in flowbio.samples.get_metadata_attributes()}
    assert set(attributes) == {"cell_type", "condition", "comments"}


def test_raw_get(flowbio: Client) -> None:
    data = flowbio.get_raw("/data/789")
    assert b"cortex_ctrl_1_L001_R1.fastq.gz" in (
        data if isinstance(data, bytes) else str(data).encode()
    )


@pytest.fixture
def first(server: DemoServer) -> FirstClient:
    """The first interface of the official client, signed in."""
    client = FirstClient(f"{server.base_url}/graphql")
    client.login("demo", "demo")
    return client


def test_the_first_interface_asks_its_four_questions(
    server: DemoServer, first: FirstClient
) -> None:
    catalogue = server.service.catalogue
    assert first.user("demo")["name"] == catalogue.users["demo"].name
    assert first.data("789")["filename"] == catalogue.files["789"].filename
    sample = first.sample("34")
    assert sample["name"] == "cortex_ctrl_1"
    assert {row["id"] for row in sample["initialData"][0]["data"]} >= {"789", "790", "791"}
    run = first.execution("456")
    made = {row["id"] for process in run["processExecutions"] for row in process["downstreamData"]}
    assert made == {file.id for file in catalogue.executions["456"].outputs}


def test_the_first_interface_takes_its_token_bare_and_as_bearer(
    server: DemoServer, first: FirstClient
) -> None:
    token = first.headers["Authorization"]
    assert " " not in token  # as v1 sends it
    hidden = next(file for file in server.service.catalogue.files.values()
                  if not file.project.public and file.project.visible_to("demo"))  # fmt: skip
    first.headers["Authorization"] = f"Bearer {token}"
    assert first.data(hidden.id)["filename"] == hidden.filename
    first.headers["Authorization"] = token
    assert first.data(hidden.id)["filename"] == hidden.filename
    first.headers["Authorization"] = f"Bearer {token}x"
    with pytest.raises(Exception, match="not found"):
        first.data(hidden.id)


def test_the_first_interface_renews_its_token(server: DemoServer, first: FirstClient) -> None:
    before = first.headers["Authorization"]
    server.service.accounts.expire_all()
    first.refresh_token()
    assert first.headers["Authorization"] != before
    assert first.sample("34")["name"] == "cortex_ctrl_1"


def test_the_first_interface_is_refused_what_is_not_its_users(
    server: DemoServer, first: FirstClient
) -> None:
    hidden = next(sample for sample in server.service.catalogue.samples.values()
                  if sample.name == "patient_001")  # fmt: skip
    with pytest.raises(Exception, match="not found"):
        first.sample(hidden.id)
    with pytest.raises(Exception, match="(?i)credentials|password"):
        FirstClient(f"{server.base_url}/graphql").login("demo", "wrong")


def test_the_annotation_sheet_of_a_type_is_a_spreadsheet(flowbio: Client) -> None:
    sheet = flowbio.samples.get_annotation_template("RNA-Seq")
    assert bytes(sheet)[:2] == b"PK"
