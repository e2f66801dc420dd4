"""The official client, flowbio 0.14.1, against the demo server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
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
    assert len({project.id for project in projects}) == len(projects) == 15
    assert "12" in {project.id for project in projects}


def test_an_expired_token_is_refreshed(server: DemoServer, flowbio: Client) -> None:
    server.service.accounts.expire_all()
    before = len(server.requests)
    assert len(flowbio.samples.get_owned_projects()) == 15
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
