"""The client against the demo's Flow, in each dialect that it speaks."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from flowtui.demo.odd_values import ODD_IDS
from flowtui.demo.scenarios import Scenario
from flowtui.demo.serializers import Dialect
from flowtui.demo.serve import DemoServer
from flowtui.flow.client import FlowClient, Scope
from flowtui.flow.discover import find_server
from flowtui.flow.errors import NotFound, WrongPassword
from flowtui.flow.http.http_client import make_client
from flowtui.flow.refs import parse_ref
from flowtui.flow.walk.walk import LeftOut, walk


@pytest.fixture(scope="module", params=["both", "guide", "live"])
def demo(request: pytest.FixtureRequest) -> Iterator[DemoServer]:
    with DemoServer(dialect=request.param, job_seconds=0.0) as server:
        yield server


@pytest.fixture
def client(demo: DemoServer) -> Iterator[FlowClient]:
    client = FlowClient(demo.base_url)
    client.account.sign_in("demo", "demo")
    yield client
    client.close()


@pytest.mark.parametrize(
    ("text", "least"),
    [("project/12", 17), ("sample/34", 5), ("data/789", 1), ("execution/456", 12)],
)
def test_what_the_guide_names_can_be_had(client: FlowClient, text: str, least: int) -> None:
    left_out = []
    files = list(walk(client, parse_ref(text, client.server), left_out=left_out.append))
    assert len(files) >= least
    assert left_out == []
    assert len({one.key for one in files}) == len(files)
    assert all(one.size is not None for one in files)
    if text != "execution/456":
        assert "data/789" in {one.key for one in files}
    for one in (files[0], files[-1]):
        url = client.session.absolute(one.url)
        with httpx.stream("GET", url, headers=client.session.headers_for(url)) as answer:
            assert answer.status_code == 200
            assert int(answer.headers["content-length"]) == one.size


@pytest.mark.parametrize("dialect", ["both", "guide", "live"])
def test_loose_values_are_read_as_the_right_ones(dialect: Dialect) -> None:
    with (
        DemoServer(dialect) as plain,
        DemoServer(dialect, scenarios=[Scenario.LOOSE_VALUES]) as loose,
    ):
        right, read = FlowClient(plain.base_url), FlowClient(loose.base_url)
        for client in (right, read):
            client.account.sign_in("demo", "demo")
        for text in ("project/12", "execution/456"):
            wanted = list(walk(right, parse_ref(text, right.server)))
            found = list(walk(read, parse_ref(text, read.server)))
            assert found == wanted and len(found) > 11
        assert read.project("12") == right.project("12")
        assert read.execution("456") == right.execution("456")
        data = read.data("789")
        assert data == right.data("789") and data.created and data.size
        right.close()
        read.close()


def test_an_output_by_its_path(client: FlowClient) -> None:
    every = list(walk(client, parse_ref("execution/456", client.server)))
    wanted = every[0]
    ref = parse_ref(f"execution/456/{wanted.filename}", client.server)
    assert [one.key for one in walk(client, ref)] == [wanted.key]


def test_whose_projects(client: FlowClient) -> None:
    every = {one.id for one in client.projects(Scope.ALL)}
    for scope in (Scope.MINE, Scope.SHARED, Scope.PUBLIC):
        some = [one.id for one in client.projects(scope)]
        assert some
        assert set(some) <= every
    assert "12" in {one.id for one in client.projects()}


def test_an_expired_token_is_renewed(client: FlowClient, demo: DemoServer) -> None:
    before = client.account.credential
    demo.service.accounts.expire_all()
    assert client.account.me().username == "demo"
    assert client.account.credential != before


def test_a_bulk_job_comes_to_its_end(client: FlowClient) -> None:
    job = client.create_bulk_job(["789", "790"], "two.zip")
    for _ in range(100):
        job = client.bulk_job(job.id)
        if job.status == "completed":
            break
    assert job.status in ("completed", "processing", "pending")


def test_refusals(client: FlowClient, demo: DemoServer) -> None:
    with pytest.raises(NotFound):
        client.data("1234567")
    with pytest.raises(WrongPassword):
        FlowClient(demo.base_url).account.sign_in("demo", "wrong")


def test_the_server_that_answers_as_flow_is_found(demo: DemoServer) -> None:
    nowhere = "http://127.0.0.1:9"
    with make_client() as http:
        assert find_server(nowhere, demo.base_url, http=http) == demo.base_url
        assert find_server(demo.base_url, nowhere, http=http) == demo.base_url
        assert find_server(nowhere, nowhere, http=http) is None
        assert find_server(demo.base_url.removesuffix("/api"), nowhere, http=http) is None


@pytest.mark.parametrize("dialect", ["guide", "live"])
def test_odd_rows_are_left_out_and_told_and_cost_no_others(dialect: Dialect) -> None:
    with (
        DemoServer(dialect) as plain,
        DemoServer(dialect, scenarios=[Scenario.ODD_VALUES]) as odd,
    ):
        right, read = FlowClient(plain.base_url), FlowClient(odd.base_url)
        for client in (right, read):
            client.account.sign_in("demo", "demo")
        for text in ("project/12", "sample/34", "execution/456"):
            told: list[LeftOut] = []
            wanted = list(walk(right, parse_ref(text, right.server)))
            found = list(walk(read, parse_ref(text, read.server), left_out=told.append))
            assert found == wanted and found
            assert told and all("cannot read" in what.why for what in told)
        projects = read.projects()
        assert [one.id for one in projects] == [one.id for one in right.projects()]
        assert projects.unreadable == len(ODD_IDS) + 1
        right.close()
        read.close()
