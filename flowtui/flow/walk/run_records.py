"""The records of a run that are worth keeping beside its outputs, as text files.

A run's record (`GET /executions/<id>`, docs/flow-api.md, Records of a run) has its parameters, its
command, logs and versions. They also tell of the server: where things lie on its disks, and now and
then a token or somebody's address. None of that comes along.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Lock
from typing import Any

from flowtui.flow.errors import UnexpectedAnswer
from flowtui.flow.listing import read_record
from flowtui.flow.models import Execution
from flowtui.text.redaction import REMOVED, SECRET_NAME, without_secrets

FOLDER = "records"
"""Where they go, inside the folder of the run."""

_TEXTS = {
    "command": "command.txt",
    "log": "nextflow.log",
    "stdout": "stdout.txt",
    "stderr": "stderr.txt",
}


def records_of(body: Mapping[str, Any]) -> dict[str, str]:
    """File name → content, of what a run's record has; empty ones are left out."""
    found: dict[str, str] = {}
    if params := _params(body):
        found["params.json"] = _json(params)
    if inputs := _inputs(body):
        found["inputs.tsv"] = inputs
    for name, sheet in _sheets(body):
        found[name] = sheet
    found["versions.json"] = _json(_versions(body))
    for field, name in _TEXTS.items():
        text = body.get(field)
        if isinstance(text, str) and text.strip():
            found[name] = cleaned(text if text.endswith("\n") else text + "\n")
    if commands := "\n".join(_process_commands(body)):
        found["process_commands.sh"] = commands
    return found


def cleaned(text: str) -> str:
    """A text without the server's paths (their last part stays), tokens and e-mail addresses."""
    text = _CONTROL.sub("", text)
    text = without_secrets(text)
    text = _WEB.sub(lambda match: f"{match[1]}{match[2]}", text)
    text = _ADDRESS.sub(REMOVED, text)
    text = _STORAGE.sub(lambda match: _last_part(match[0]), text)
    return _PATH.sub(lambda match: _last_part(match[0]), text)


# Each is bounded, so that no text takes more than a pass: a log may have a line of a megabyte.
_CONTROL = re.compile(r"\x1b\[[0-9;?]{0,32}[@-~]|\r(?=\n)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
# What stands before the host and after the `?` of a link may be a secret.
_WEB = re.compile(r"""(?i)\b(https?://)(?:[^\s/@"']{1,200}@)?([^\s?#"']+)(?:\?[^\s"'#]*)?""")
_STORAGE = re.compile(r"""(?i)\b(?:s3|gs|az|file|azure|dx|irods)://?/?[^\s"',;:)\]}>]+""")
_NAME = r"""[^\s"'/:,;)(\]\[}{><|&=]+"""
# An absolute path of two parts or more; those of every system tell nothing.
_PATH = re.compile(
    rf"(?<![\w.:/~$}}\])-])(?!/(?:usr|bin|sbin|dev|lib|proc)/)(?:~|\$\{{?\w+\}}?)?/{_NAME}(?:/{_NAME})+/?"
)


def _last_part(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _value(value: Any, name: str = "") -> Any:
    """A value of JSON, cleaned through and through."""
    if SECRET_NAME.fullmatch(name) and value not in (None, "", False, True):
        return REMOVED
    if isinstance(value, str):
        is_path = value.startswith(("/", "~/")) and "\n" not in value
        return cleaned(_last_part(value) if is_path else value)
    if isinstance(value, Mapping):
        return {cleaned(str(key)): _value(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no word for it
    return value


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _params(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the run was started with, as `nextflow run -params-file` reads it."""
    params: dict[str, Any] = {}
    given = body.get("params")
    if isinstance(given, Mapping):
        params |= _value(given)
    params |= {param: names[0] if len(names) == 1 else names
               for param, _, names in _data_params(body)}  # fmt: skip
    return params


def _data_params(body: Mapping[str, Any]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Parameter, ids and names of the files that a run was given."""
    given = body.get("data_params")
    for param, files in given.items() if isinstance(given, Mapping) else ():
        rows = [row for row in (files if isinstance(files, list) else [files])
                if isinstance(row, Mapping) and isinstance(row.get("filename"), str)]  # fmt: skip
        if rows:
            ids = [str(row["id"]) if isinstance(row.get("id"), str | int) else "" for row in rows]
            yield str(param), ids, [cleaned(row["filename"]) for row in rows]


def _inputs(body: Mapping[str, Any]) -> str:
    """Which files of Flow a run was given: parameter, REF and name, a line each."""
    lines = [
        (_cell(param), f"data/{_cell(id_)}" if id_ else "", _cell(name))
        for param, ids, names in _data_params(body)
        for id_, name in zip(ids, names, strict=True)
    ]
    return "".join("\t".join(line) + "\n" for line in [("parameter", "ref", "filename"), *lines]
                   if lines)  # fmt: skip


def _cell(text: str) -> str:
    return re.sub(r"[\t\r\n]", " ", text)


def _sheets(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The sample sheets that a run was given; one is `samplesheet.csv`, several have names."""
    given = body.get("csv_params")
    sheets = [
        (str(param), sheet)
        for param, value in (given.items() if isinstance(given, Mapping) else ())
        if (sheet := _sheet(value))
    ]
    for number, (param, sheet) in enumerate(sheets, 1):
        safe = re.sub(r"[^\w.-]", "_", param).strip(".") or str(number)
        yield ("samplesheet.csv" if len(sheets) == 1 else f"samplesheet_{safe}.csv"), sheet


MOST_CELLS = 2_000_000
"""Of a sheet: where each row has names of its own, the cells are more than the answer had bytes."""


def _sheet(value: Any) -> str:
    """A sheet as CSV, from text, from rows, or from what holds rows. Its form is undocumented."""
    if isinstance(value, str):
        return cleaned(value if value.endswith("\n") else value + "\n") if value.strip() else ""
    if isinstance(value, Mapping):
        value = next((value[name] for name in ("rows", "data", "samples") if name in value), [])
    rows = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
    columns = list(dict.fromkeys(str(name) for row in rows for name in row))
    if not columns or len(columns) * len(rows) > MOST_CELLS:
        return ""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_field(row.get(name), name) for name in columns])
    return text.getvalue()


def _field(value: Any, name: str) -> str:
    """A cell: a text, or the name of the file or sample that stands there."""
    if isinstance(value, Mapping):
        value = value.get("filename") or value.get("name") or value.get("id") or ""
    plain = _value(value, name)
    return "" if plain is None else str(plain)


def _versions(body: Mapping[str, Any]) -> dict[str, Any]:
    """What ran, in which version, and when."""
    run = read_record(Execution, {**body, "process_executions": None, "outputs": None})
    known = {
        "execution": f"execution/{run.id}",
        "run": run.label,
        "pipeline": run.pipeline_name,
        "pipeline_version": run.pipeline_version,
        "nextflow_version": body.get("nextflow_version"),
        "status": run.status,
        "created": run.created and run.created.isoformat(),
        "started": run.started and run.started.isoformat(),
        "finished": run.finished and run.finished.isoformat(),
    }
    return {name: _value(value) for name, value in known.items() if value}


def _process_commands(body: Mapping[str, Any]) -> Iterator[str]:
    """The script of each process, below its name."""
    processes: Iterable[Any] = body.get("process_executions") or ()
    for process in processes if isinstance(processes, list) else ():
        script = process.get("bash") if isinstance(process, Mapping) else None
        if isinstance(script, str) and script.strip():
            name = str(process.get("name") or process.get("identifier") or "")
            yield f"# {_cell(cleaned(name))}\n{cleaned(script.strip())}\n"


KEPT = 4
"""Runs whose records are kept, for the several files that are made of each."""


class RunRecords:
    """The records of runs, each run asked for once for its several files. For many threads."""

    def __init__(self, ask: Callable[[str], Any]) -> None:
        """`ask` gives the body of a run's record; it may raise FlowError."""
        self._ask = ask
        self._lock = Lock()
        self._kept: dict[str, dict[str, str]] = {}

    def of(self, execution_id: str) -> dict[str, str]:
        """File name → content. Raises FlowError."""
        with self._lock:
            if execution_id not in self._kept:
                body = self._ask(execution_id)
                if not isinstance(body, Mapping) or not body.get("id"):
                    raise UnexpectedAnswer("cannot read the server's execution record")
                while len(self._kept) >= KEPT:
                    del self._kept[next(iter(self._kept))]
                self._kept[execution_id] = records_of(body)
            return self._kept[execution_id]
