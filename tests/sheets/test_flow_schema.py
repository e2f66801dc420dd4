"""Tables by the schemas of Flow's own pipelines, whatever those hold."""

import pytest

from flowtui.sheets.flow_schema import pipeline_of


def schema(*columns: object, **more: object) -> dict[str, object]:
    table = {"type": "csv", "takes_samples": True, "columns": list(columns), **more}
    return {"inputs": [{"params": {"x": {"type": "string"}}}, {"params": {"input": table}}]}


@pytest.mark.parametrize(
    "odd",
    [
        None, [], {}, {"inputs": None}, {"inputs": [None, {"params": []}]}, schema(),
        schema(None, {"name": 3}, {"name": " "}), schema({"name": "a"}, {"name": "a"}),
        schema({"name": "a"}, type="data"), schema({"name": "a"}, takes_samples=False),
        schema({"name": "a"}, columns="a"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_samples_is_told(odd: object) -> None:
    with pytest.raises(ValueError, match="P has no table of samples"):
        pipeline_of("P", odd)


def test_a_column_has_what_flow_would_put_there() -> None:
    columns = pipeline_of("P", schema(
        {"name": "id", "from_sample": "name"}, {"name": "r1", "from_sample": 1},
        {"name": "r2", "from_sample": "2"}, {"name": "r3", "from_sample": 3},
        {"name": "cells", "from_sample": "Cell Type", "valid": ["K562", "HeLa"], "default": "K562"},
        {"name": "strandedness", "default": "reverse"},
    )).columns  # fmt: skip
    assert [column.source.name for column in columns] == [
        "NAME", "FIRST", "SECOND", "ATTRIBUTE", "ATTRIBUTE", "ATTRIBUTE",
    ]  # fmt: skip
    assert columns[4].attributes[0] == "cell_type"
    assert dict(columns[4].values) == {"K562": ("k562",), "HeLa": ("hela",)}
    assert [column.default for column in columns[3:]] == ["", "K562", "reverse"]
