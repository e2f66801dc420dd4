"""The routes for the words that things are described by: types, attributes, organisms."""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flowtui.demo.catalogue import Fileset
from flowtui.demo.content import workbook
from flowtui.demo.sample_data import DATA_TYPES, METADATA, ORGANISMS, SAMPLE_TYPES
from flowtui.demo.serializers import Json
from flowtui.demo.service import Service, not_found


class VocabularyRoutes:
    """The handlers; what they tell is open to everyone."""

    def __init__(self, service: Service) -> None:
        self._all = service.catalogue
        self._records = service.serializer

    def sample_types(self, request: Request) -> Response:
        """`/samples/types`, with how many public samples each has."""
        counts = Counter(
            sample.sample_type for sample in self._all.samples.values() if sample.project.public
        )
        return JSONResponse([
            {
                "identifier": id,
                "name": name,
                "description": description,
                "sample_count": counts[id],
                "attributes": [{"identifier": key, "required": False} for key in METADATA],
            }
            for id, (name, description) in SAMPLE_TYPES.items()
        ])  # fmt: skip

    def data_types(self, request: Request) -> Response:
        """`/data/types`."""
        return JSONResponse([
            {"identifier": id, "name": name, "description": description}
            for id, (name, description) in DATA_TYPES.items()
        ])  # fmt: skip

    def metadata(self, request: Request) -> Response:
        """`/samples/metadata`: the attributes that a sample may have."""
        return JSONResponse([
            {
                "identifier": id,
                "name": name,
                "description": f"{name} of the sample",
                "required": False,
                "has_options": bool(options),
                "allow_user_terms": False,
                "sample_type_links": [],
            }
            for id, (name, options) in METADATA.items()
        ])  # fmt: skip

    def metadata_options(self, request: Request) -> Response:
        """`/samples/metadata/<id>/options`."""
        if request.path_params["id"] not in METADATA:
            raise not_found()
        options = METADATA[request.path_params["id"]][1]
        rows: list[dict[str, Any]] = [
            {"id": str(number), "value": value, "validated": True}
            for number, value in enumerate(options, 1)
        ]
        return JSONResponse({"count": len(rows), "total_count": len(rows), "options": rows})

    def annotation(self, request: Request) -> Response:
        """`/annotation/<sample type>`: the sheet to fill in, as a spreadsheet."""
        if request.path_params["type"] not in {"generic", *SAMPLE_TYPES}:
            raise not_found("Sample type not found")
        columns = ["Sample Name", "Organism", *(name for name, _ in METADATA.values())]
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        return Response(workbook(columns), media_type=kind)

    def organisms(self, request: Request) -> Response:
        """`/organisms`, each with its latest fileset."""
        return JSONResponse([self._organism(id) for id in ORGANISMS])

    def organism(self, request: Request) -> Response:
        """`/organisms/<id>`, with all its filesets."""
        id = request.path_params["id"]
        if id not in ORGANISMS:
            raise not_found("Organism not found")
        sets = [self._records.fileset(row) for row in self._filesets(id)]
        return JSONResponse(self._organism(id) | {"filesets": sets})

    def _organism(self, id: str) -> Json:
        name, latin = ORGANISMS[id]
        sets = self._filesets(id)
        latest = self._records.fileset(sets[0]) if sets else None
        return {"id": id, "name": name, "latin_name": latin, "latest_fileset": latest}

    def _filesets(self, organism: str) -> list[Fileset]:
        found = [row for row in self._all.filesets.values() if row.organism == organism]
        return sorted(found, key=lambda row: row.created, reverse=True)
