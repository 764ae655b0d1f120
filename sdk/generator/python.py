"""The management client in Python, twice: one that waits, one that is awaited."""

import json
import keyword
import re

from document import Document, Operation, Parameter, Schema, reference_name, references

HEAD = '''\
"""The management interface. Generated from openapi.json by sdk/generator. Not edited by hand."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from nexus._send import AsyncSender, Sender, in_path
'''

def render(document: Document) -> str:
    """The whole file."""
    used = json.dumps(list(document.schemas.values()))
    head = HEAD if '"enum"' in used or '"const"' in used else HEAD.replace("Literal, ", "")
    parts = [head, *_declarations(document.schemas)]
    parts.append(_client(document.operations, asynchronous=False))
    parts.append(_client(document.operations, asynchronous=True))
    return "".join(parts)


def _declarations(schemas: dict[str, Schema]) -> list[str]:
    """Every schema behind those that it is made of, as base classes have to be there first."""
    written: dict[str, str] = {}

    def write(name: str) -> None:
        if name in written:
            return
        for base in sorted(references(schemas[name].get("allOf", []))):
            write(base)
        written[name] = "\n\n" + _declaration(name, schemas[name])

    for name in schemas:
        write(name)
    return list(written.values())


def _declaration(name: str, schema: Schema) -> str:
    bases, properties, required = _parts(schema)
    doc = _doc(schema.get("description", ""), "    ")
    if not bases and not properties:
        return f"{name}: TypeAlias = {json.dumps(_type(schema))}\n"
    if any(keyword.iskeyword(field) for field in properties):
        fields = "".join(
            f"        {json.dumps(field)}: {json.dumps(_field(field, value, required))},\n"
            for field, value in properties.items()
        )
        comment = "".join(f"# {line}\n" for line in schema.get("description", "").strip().split("\n") if line)
        return f"{comment}{name} = TypedDict(\n    {json.dumps(name)},\n    {{\n{fields}    }},\n)\n"
    lines = []
    for field, value in properties.items():
        lines.append(f"\n    {field}: {_field(field, value, required)}\n")
        lines.append(_doc(value.get("description", ""), "    "))
    return f"class {name}({', '.join(bases) or 'TypedDict'}):\n{doc}{''.join(lines)}"


def _parts(schema: Schema) -> tuple[list[str], dict[str, Schema], set[str]]:
    """Base classes, own properties, and which of them are required."""
    bases: list[str] = []
    properties: dict[str, Schema] = dict(schema.get("properties", {}))
    required = set(schema.get("required", []))
    for part in schema.get("allOf", []):
        if "$ref" in part:
            bases.append(reference_name(part))
        properties |= part.get("properties", {})
        required |= set(part.get("required", []))
    return bases, properties, required


def _field(name: str, schema: Schema, required: set[str]) -> str:
    kind = _type(schema)
    return kind if name in required else f"NotRequired[{kind}]"


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        return reference_name(schema)
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    if "enum" in schema:
        return f"Literal[{', '.join(repr(value) for value in schema['enum'])}]"
    for word in ("oneOf", "anyOf"):
        if word in schema:
            return " | ".join(dict.fromkeys(_type(part) for part in schema[word]))
    if len(schema.get("allOf", [])) == 1:
        return _type(schema["allOf"][0])
    kinds = schema.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return " | ".join(_plain(kind, schema) for kind in kinds)


def _plain(kind: str, schema: Schema) -> str:
    if kind == "array":
        return f"list[{_type(schema.get('items', {}))}]"
    if kind == "object":
        further = schema.get("additionalProperties")
        return f"dict[str, {_type(further) if isinstance(further, dict) else 'Any'}]"
    return {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}.get(kind, "Any")


def _doc(text: str, indent: str) -> str:
    lines = text.replace("\\", "\\\\").replace('"""', "'''").strip().split("\n")
    if lines == [""]:
        return ""
    if len(lines) == 1:
        return f'{indent}"""{lines[0]}"""\n'
    return f'{indent}"""' + f"\n{indent}".join(lines) + f'\n{indent}"""\n'


def _client(operations: list[Operation], *, asynchronous: bool) -> str:
    name, sender = ("AsyncManagement", "AsyncSender") if asynchronous else ("Management", "Sender")
    head = f'''

class {name}:
    """An operation a method, by the name that openapi.json has for it."""

    _send: {sender}
'''
    return head + "".join("\n" + _method(operation, asynchronous) for operation in operations)


def _method(operation: Operation, asynchronous: bool) -> str:
    arguments = ["self", *(f"{_safe(part.name)}: str" for part in operation.in_path)]
    parts = []
    if operation.body is not None:
        body = _type(operation.body)
        arguments.append(f"body: {body}" if operation.body_required else f"body: {body} | None = None")
        parts.append("body=body")
    arguments.append("*")
    arguments += [f"{_safe(part.name)}: {_query_type(part)} | None = None" for part in operation.in_query]
    if operation.in_query:
        pairs = ", ".join(f"{json.dumps(part.name)}: {_safe(part.name)}" for part in operation.in_query)
        parts.append(f"query={{{pairs}}}")
    if operation.method == "POST":
        arguments.append("idempotency_key: str | None = None")
        parts.append("idempotency_key=idempotency_key")
    if arguments[-1] == "*":
        arguments.pop()
    answer = "None" if operation.answer is None else _type(operation.answer)
    path = re.sub(r"{(\w+)}", lambda name: "{in_path(" + _safe(name[1]) + ")}", operation.path)
    place = f"{'f' if '{' in path else ''}{json.dumps(path)}"
    call = f"self._send({', '.join([json.dumps(operation.method), place, *parts])})"
    call = f"await {call}" if asynchronous else call
    last = f"        {call}\n" if answer == "None" else f"        answer: {answer} = {call}\n        return answer\n"
    definition = "async def" if asynchronous else "def"
    return (
        f"    {definition} {operation.name}(\n"
        + "".join(f"        {argument},\n" for argument in arguments)
        + f"    ) -> {answer}:\n{_doc(operation.summary, '        ')}{last}"
    )


def _query_type(parameter: Parameter) -> str:
    return _type(parameter.schema).replace(" | None", "")


def _safe(name: str) -> str:
    name = name.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name
