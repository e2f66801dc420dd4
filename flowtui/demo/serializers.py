"""How the server writes its records as JSON, in each dialect.

"guide" is what Flow's published guide shows (integer ids, ISO times, md5, download_url, all
inlined), "live" what the live service does (string ids, Unix times, neither md5 nor
download_url), "both" the union that either kind of client can use.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

from flowtui.demo import run_records
from flowtui.demo.catalogue import Execution, File, Fileset, Project, Sample, User
from flowtui.demo.sample_data import DATA_TYPES, ORGANISMS, SAMPLE_TYPES

_LAST_PROCESS = {
    "OK": ("COMPLETED", 0),
    "ERROR": ("FAILED", 1),
    "RUNNING": ("-", None),
    "": ("-", None),
}
"""The status and exit code of a run's last process, by the run's status."""

Dialect = Literal["both", "guide", "live"]
Json = dict[str, Any]


class Serializer:
    """Makes JSON objects of records in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._guide = dialect == "guide"
        self._live = dialect == "live"

    def id(self, value: str) -> str | int:
        """An id: a number in the guide, else a string (it is above 2**53)."""
        return int(value) if self._guide else value

    def time(self, value: int | None) -> int | str | None:
        """A time: ISO 8601 in the guide, else Unix seconds."""
        return _iso(value) if self._guide else value

    def user(self, user: User) -> Json:
        """The account, for `/me`, `/login` and `/token`."""
        first, _, last = user.name.partition(" ")
        fields: Json = {"id": self.id(user.id), "username": user.username}
        if not self._live:
            fields |= {"email": user.email, "first_name": first, "last_name": last}
        if not self._guide:
            fields |= {"name": user.name, "image": None, "is_admin": False, "memberships": []}
        return fields | {"can_run_pipelines": True}

    def project(self, project: Project, *, detail: bool = False) -> Json:
        """A project; the guide inlines its samples (and their files) in the detail."""
        fields: Json = {
            "id": self.id(project.id),
            "name": project.name,
            "description": project.description,
            "created": self.time(project.created),
        }
        if not self._guide:
            fields |= {"private": not project.public}
        if not self._live:
            fields |= {
                "is_public": project.public,
                "owner": self._owner(project.owner),
                "total_size": project.total_size,
            }
        if not (self._live and detail):
            fields |= {
                "sample_count": len(project.samples),
                "execution_count": len(project.executions),
            }
        if not self._guide and not (self._live and detail):
            fields["owner_name"] = project.owner.name
        if detail and not self._guide:
            fields |= {"can_edit": True, "owner": self._owner(project.owner), "group_owner": None,
                       "papers": []}  # fmt: skip
        if detail and self._guide:
            fields["samples"] = [self.sample(sample, detail=True) for sample in project.samples]
        return fields

    def sample(
        self,
        sample: Sample,
        *,
        detail: bool = False,
        in_project: bool = False,
        searched: bool = False,
    ) -> Json:
        """A sample; its uploaded files are in the detail's filesets, all in the guide's `data`.

        As the live service has it, a project's list has no metadata, and what was `searched`
        without asking for all of it has its first attribute only.
        """
        project = self._project_of(sample.project)
        fields: Json = {
            "id": self.id(sample.id),
            "name": sample.name,
            "created": self.time(sample.created),
        }
        if self._guide:
            fields |= {
                "organism": ORGANISMS[sample.organism][1],
                "sample_type": SAMPLE_TYPES[sample.sample_type][0],
                "project": project,
                "metadata": sample.metadata,
            }
            if detail:
                fields["data"] = [self.data(file) for file in sample.files]
            return fields
        organism = {"id": sample.organism, "name": ORGANISMS[sample.organism][0]}
        kind = {"identifier": sample.sample_type, "name": SAMPLE_TYPES[sample.sample_type][0]}
        metadata = {
            name: {"attribute_name": name.replace("_", " ").capitalize(), "value": value,
                   "annotation": None}
            for name, value in list(sample.metadata.items())[: 1 if searched else None]
            if not (in_project and self._live)
        }  # fmt: skip
        fields |= {"organism": organism, "metadata": metadata}
        if not detail:
            fields |= {
                "can_delete": False,
                "sample_type": kind,
                "owner_name": sample.project.owner.name,
                "is_paired": sum(file.execution is None for file in sample.files) > 1,
            }
            return fields if in_project else fields | {"project_name": sample.project.name or None}
        inputs = [file for file in sample.files if file.execution is None]
        return fields | {
            "private": not sample.project.public,
            "can_edit": True,
            "pubmed": "",
            "sample_type": sample.sample_type,
            "filesets": [
                {
                    "id": id,
                    "created": sample.created,
                    "data": [
                        {"id": file.id, "filename": file.filename, "size": file.size}
                        for file in inputs
                        if (file.fileset or sample.id) == id
                    ],
                }
                for id in dict.fromkeys(file.fileset or sample.id for file in inputs)
            ],
            "owner": self._owner(sample.project.owner),
            "group_owner": None,
            "project": project,
        }

    def data(self, file: File, *, detail: bool = False, iso: bool = False) -> Json:
        """A file. Its md5 may have to be computed first, so call this off the event loop."""
        fields: Json = {
            "id": self.id(file.id),
            "filename": file.filename,
            "size": file.size,
            "filetype": file.filetype,
            "created": _iso(file.created) if iso else self.time(file.created),
        }
        if not self._live:
            fields |= {"md5": file.content.md5, "download_url": self.download_url(file)}
        if self._guide:
            return fields
        execution, sample = file.execution, file.sample
        if not detail:
            return fields | {
                "absolute_path": f"/data/{file.id}/{file.filename}",
                "pipeline_name": execution.pipeline if execution else None,
                "process_execution_name": file.process,
                "sample_name": sample.name if sample else None,
                "owner_name": file.project.owner.name,
                "can_delete": False,
            }
        made_by = execution and {
            "id": execution.id,
            "pipeline_name": execution.pipeline,
            "process_name": file.process,
            "process_command": None,
        }
        return fields | {
            "is_binary": file.filetype not in {"tsv", "html", "txt", "bed"},
            "is_directory": file.is_folder,
            "category": file.category,
            "data_type": _data_type(file),
            "private": not file.project.public,
            "absolute_path": f"/data/{file.id}/{file.filename}",
            "owner": self._owner(file.project.owner),
            "group_owner": None,
            "paired": None,
            "fileset": file.genome and {"id": file.genome.id, "name": file.genome.name},
            "execution": made_by,
            "sample": sample and {"id": sample.id, "name": sample.name},
            "project": self._project_of(file.project),
            "can_edit": True,
        }

    def download_url(self, file: File) -> str:
        """Where a file is, relative to the base."""
        return f"/downloads/{file.id}/{quote(file.filename, safe='')}"

    def execution(self, execution: Execution, *, detail: bool = False, iso: bool = False) -> Json:
        """An execution; the detail has its files (see `Serializer.data` on md5)."""
        time: Callable[[int | None], int | str | None] = _iso if iso else self.time
        fields: Json = {
            "id": self.id(execution.id),
            "identifier": execution.identifier,
            "pipeline_name": execution.pipeline,
            "pipeline_version": execution.version,
            "status": execution.status,
            "created": time(execution.created),
            "started": time(execution.started),
            "finished": time(execution.finished),
        }
        sample = execution.sample
        if self._guide:
            if detail:
                fields["outputs"] = [
                    {"filename": output.path, "size": output.size, "md5": output.content.md5}
                    for output in execution.outputs
                ]
            return fields
        if not detail:
            return fields | {
                "can_delete": False,
                "retries": None,
                "retried_by": None,
                "fileset": self._genome_of(execution),
                "sample_name": sample.name if sample else None,
                "owner_name": execution.project.owner.name,
            }
        version = {"id": execution.id, "name": execution.version}
        fields |= {
            "pipeline": {"id": "1", "name": execution.pipeline, "version": version},
            "sample": sample and {"id": sample.id, "name": sample.name},
            "project": self._project_of(execution.project),
            "fileset": self._genome_of(execution),
            "owner": self._owner(execution.project.owner),
            "group_owner": None,
            "process_executions": self._processes(execution),
            **run_records.records(execution),
        }
        if not self._live:
            fields["outputs"] = [
                {
                    "id": output.id,
                    "filename": output.path,
                    "size": output.size,
                    "md5": output.content.md5,
                    "download_url": self.download_url(output),
                }
                for output in execution.outputs
            ]
        return fields

    def fileset(self, fileset: Fileset) -> Json:
        """A genome, for `/organisms`."""
        return {
            "id": fileset.id,
            "name": fileset.name,
            "url": fileset.url,
            "created": fileset.created,
            "data": [
                {"id": file.id, "filename": file.filename, "size": file.size,
                 "category": file.kind}
                for file in fileset.files
            ],
        }  # fmt: skip

    def _project_of(self, project: Project) -> Json | None:
        """The project of something; None for what is in none."""
        return {"id": self.id(project.id), "name": project.name} if project.listed else None

    def _genome_of(self, execution: Execution) -> Json | None:
        fileset = execution.fileset
        if fileset is None:
            return None
        organism = {"id": fileset.organism, "name": ORGANISMS[fileset.organism][0]}
        return {"id": fileset.id, "name": fileset.name, "organism": organism}

    def _processes(self, execution: Execution) -> list[Json] | None:
        """The processes; of a run that failed the last one did, too.

        The live service has null where none has begun (docs/flow-api.md, 9.7 on the words).
        """
        by_name: dict[str, list[File]] = {}
        for file in execution.outputs:
            by_name.setdefault(file.process or "", []).append(file)
        if execution.status == "RUNNING":
            by_name["STAR_ALIGN"] = []
        if self._live and not by_name:
            return None
        last_status, last_exit = _LAST_PROCESS.get(execution.status, ("COMPLETED", 0))
        return [
            {
                "id": f"{execution.id}{number}",
                "identifier": f"{number:02x}/{execution.id[-6:]}",
                "name": name,
                "process_name": name.partition(" (")[0],
                "status": last_status if number == len(by_name) else "COMPLETED",
                "exit_code": last_exit if number == len(by_name) else 0,
                "bash": run_records.script(name, execution),
                "downstream_data": [self.data(file) for file in files],
                "upstream_data": [],
            }
            for number, (name, files) in enumerate(by_name.items(), 1)
        ]

    def _owner(self, user: User) -> Json:
        if self._guide:
            return {"id": int(user.id), "username": user.username}
        return {"id": user.id, "username": user.username, "name": user.name, "image": None}


def _data_type(file: File) -> Json | None:
    if not file.kind:
        return None
    name, description = DATA_TYPES[file.kind]
    return {"identifier": file.kind, "name": name, "description": description}


def _iso(value: int | None) -> str | None:
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value else None
