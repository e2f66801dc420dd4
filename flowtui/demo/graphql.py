"""`/graphql` as the first interface of flowbio asks it: four questions and the sign-in.

No GraphQL: which question it is shows in the text. The token comes without `Bearer` there, and
errors come with 200 (docs/flow-api.md, flowbio).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flowtui.demo.accounts import COOKIE, REFRESH_SECONDS, NotAuthenticated
from flowtui.demo.catalogue import Execution, File, Project, User
from flowtui.demo.service import Service

Json = dict[str, Any]


class GraphQl:
    """The handler of `POST /graphql`."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._all = service.catalogue
        self._questions: dict[str, Callable[[str, User | None], Json | None]] = {
            "user": self._user,
            "data": self._data,
            "sample": self._sample,
            "execution": self._execution,
        }

    async def answer(self, request: Request) -> Response:
        """The answer to what the text asks for."""
        try:
            body = await request.json()
            query, variables = str(body["query"]), body.get("variables") or {}
        except (ValueError, KeyError, TypeError, AttributeError):
            return _errors("the body is no question")
        if query.lstrip().startswith("mutation login("):
            return self._login(variables)
        if "accessToken" in query and "(" not in query:
            return self._renewed(request)
        for name, ask in self._questions.items():
            if query.lstrip().startswith(f"query {name}("):
                wanted = str(variables.get("username" if name == "user" else "id", ""))
                found = ask(wanted, self._asker(request))
                return _errors("not found") if found is None else _data({name: found})
        return _errors("the demo has no such question")

    def _login(self, variables: Json) -> Response:
        try:
            _, access, refresh = self._service.accounts.sign_in(
                variables.get("username"), variables.get("password")
            )
        except NotAuthenticated as error:
            return _errors(str(error))
        answer = _data({"login": {"accessToken": access}})
        answer.set_cookie(COOKIE, refresh, max_age=REFRESH_SECONDS, path="/", httponly=True)
        return answer

    def _renewed(self, request: Request) -> Response:
        try:
            _, access = self._service.accounts.renew(request.cookies.get(COOKIE))
        except NotAuthenticated as error:
            return _errors(str(error))
        return _data({"accessToken": access})

    def _asker(self, request: Request) -> User | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            return self._service.accounts.user(f"Bearer {token}" if token else None)
        except NotAuthenticated:
            return None

    def _may_see(self, project: Project, user: User | None) -> bool:
        return project.visible_to(user.username if user else None)

    def _user(self, username: str, _: User | None) -> Json | None:
        found = self._all.users.get(username)
        return None if found is None else _person(found)

    def _data(self, id_: str, asker: User | None) -> Json | None:
        file = self._all.files.get(id_)
        if file is None or not self._may_see(file.project, asker):
            return None
        run = file.execution
        return _file(file) | {
            "category": file.category,
            "isDirectory": file.is_folder,
            "isBinary": file.filetype not in {"tsv", "html", "txt", "bed"},
            "private": not file.project.public,
            "upstreamProcessExecution": run and {
                "id": f"{run.id}1", "processName": file.process,
                "execution": {"id": run.id, "pipelineVersion": _version(run)},
            },
            "sample": _named(file.sample),
            "project": _named(file.project),
            "owner": _person(file.project.owner),
            "genome": None,
        }  # fmt: skip

    def _sample(self, id_: str, asker: User | None) -> Json | None:
        sample = self._all.samples.get(id_)
        if sample is None or not self._may_see(sample.project, asker):
            return None
        inputs = [file for file in sample.files if file.execution is None]
        return {
            "id": sample.id,
            "name": sample.name,
            "private": not sample.project.public,
            "created": sample.created,
            "sampleType": sample.sample_type,
            "owner": _person(sample.project.owner),
            "initialData": [
                {"id": sample.id, "created": sample.created,
                 "data": [{"id": file.id, "filename": file.filename} for file in inputs]}
            ],
            "organism": {"id": sample.organism, "name": sample.organism},
            "project": _named(sample.project),
        }  # fmt: skip

    def _execution(self, id_: str, asker: User | None) -> Json | None:
        run = self._all.executions.get(id_)
        if run is None or not self._may_see(run.project, asker):
            return None
        by_process: dict[str, list[File]] = {}
        for file in run.outputs:
            by_process.setdefault(file.process or "", []).append(file)
        return {
            "id": run.id,
            "identifier": run.identifier,
            "pipelineVersion": _version(run),
            "created": run.created,
            "started": run.started,
            "finished": run.finished,
            "status": run.status,
            "private": not run.project.public,
            "owner": _person(run.project.owner),
            "sample": _named(run.sample),
            "project": _named(run.project),
            "processExecutions": [
                {
                    "id": f"{run.id}{number}",
                    "identifier": f"{number:02x}/{run.id[-6:]}",
                    "name": name,
                    "processName": name.partition(" (")[0],
                    "status": "COMPLETED",
                    "exitCode": 0,
                    "upstreamData": [],
                    "downstreamData": [
                        _file(file) | {"owner": {"name": run.project.owner.name},
                                       "isRemoved": file.refused == 404}
                        for file in files
                    ],
                }
                for number, (name, files) in enumerate(by_process.items(), 1)
            ],
        }  # fmt: skip


def _data(data: Json) -> JSONResponse:
    return JSONResponse({"data": data})


def _errors(words: str) -> JSONResponse:
    return JSONResponse({"errors": [{"message": words}]})


def _person(user: User) -> Json:
    return {"id": user.id, "username": user.username, "name": user.name}


def _named(record: Any) -> Json | None:
    return {"id": record.id, "name": record.name} if record is not None and record.id else None


def _file(file: File) -> Json:
    return {
        "id": file.id,
        "filename": file.filename,
        "filetype": file.filetype,
        "size": file.size,
        "created": file.created,
    }


def _version(run: Execution) -> Json:
    return {"id": "1", "name": run.version, "pipeline": {"id": "1", "name": run.pipeline}}
