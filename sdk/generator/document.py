"""What the SDKs need of openapi.json: its schemas, and the operations of the management interface."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

# Written by hand in both languages: it is retried by rules of its own.
BY_HAND = {"verify"}
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Parameter:
    """A part of the path or of the query."""

    name: str
    schema: Schema
    description: str


@dataclass(frozen=True)
class Operation:
    """A method and a path, with what goes in and comes out."""

    name: str
    summary: str
    method: str
    path: str
    in_path: list[Parameter]
    in_query: list[Parameter]
    body: Schema | None
    body_required: bool
    answer: Schema | None


@dataclass(frozen=True)
class Document:
    """The whole description."""

    schemas: dict[str, Schema]
    operations: list[Operation]


def read(path: Path) -> Document:
    """Reads openapi.json. Operations are in the order of their names."""
    text = json.loads(path.read_text(encoding="utf-8"))
    found = [
        operation
        for place, methods in text["paths"].items()
        for method in METHODS
        if method in methods and (operation := _operation(place, method, methods)) is not None
    ]
    operations = sorted(found, key=lambda operation: operation.name)
    schemas = _needed(text["components"]["schemas"], operations)
    return Document(schemas, operations)


def references(schema: Any) -> set[str]:
    """The names of the schemas that a schema refers to."""
    if isinstance(schema, dict):
        named = {reference_name(schema)} if "$ref" in schema else set()
        return named.union(*(references(value) for value in schema.values()))
    if isinstance(schema, list):
        return set().union(*(references(value) for value in schema))
    return set()


def reference_name(schema: Schema) -> str:
    """The name that a reference ends in, as an identifier."""
    return identifier(schema["$ref"].rsplit("/", 1)[-1])


def identifier(name: str) -> str:
    """The name of a schema in code."""
    return re.sub(r"\W", "_", name)


def _operation(path: str, method: str, methods: dict[str, Any]) -> Operation | None:
    """None for what is no operation of the management interface: served without a credential, or neither taking nor giving JSON."""
    raw = methods[method]
    open_to_all = {} in raw.get("security", [])
    if not path.startswith("/v1/") or open_to_all or raw["operationId"] in BY_HAND:
        return None
    answers = [answer for status, answer in raw["responses"].items() if status.startswith("2")]
    if not answers:
        return None
    content = answers[0].get("content", {})
    body = raw.get("requestBody", {})
    if (content and "application/json" not in content) or (body and "application/json" not in body["content"]):
        return None
    parameters = methods.get("parameters", []) + raw.get("parameters", [])
    by_name = {name: _parameter(parameter) for parameter in parameters if (name := parameter["name"])}
    query = [by_name[parameter["name"]] for parameter in parameters if parameter["in"] == "query"]
    return Operation(
        name=raw["operationId"],
        summary=raw.get("summary", ""),
        method=method.upper(),
        path=path,
        in_path=[by_name[name] for name in re.findall(r"{(\w+)}", path)],
        in_query=query,
        body=body["content"]["application/json"]["schema"] if body else None,
        body_required=body.get("required", False),
        answer=content["application/json"]["schema"] if content else None,
    )


def _parameter(raw: dict[str, Any]) -> Parameter:
    return Parameter(raw["name"], raw["schema"], raw.get("description", ""))


def _needed(schemas: dict[str, Schema], operations: list[Operation]) -> dict[str, Schema]:
    """The schemas that the operations and `verify` reach, by name."""
    by_name = {identifier(name): schema for name, schema in schemas.items()}
    # Problems are what every operation fails with; the verdict's parts are the hand-written method's.
    next_names = {name for name in ("Problem", "VerifyBody", "VerifyAnswer") if name in by_name}
    for operation in operations:
        next_names |= references([operation.body, operation.answer])
    reached: set[str] = set()
    while next_names:
        name = next_names.pop()
        if name not in reached:
            reached.add(name)
            next_names |= references(by_name[name])
    return {name: by_name[name] for name in sorted(reached)}
