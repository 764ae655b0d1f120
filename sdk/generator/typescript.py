"""The management client in TypeScript."""

import json
import re

from document import Document, Operation, Schema, reference_name

HEAD = """\
// Generated from openapi.json by sdk/generator. Not edited by hand.

import { type CallOptions, type Query, type Sender, inPath } from "./sender.js";
"""


def render(document: Document) -> str:
    """The whole file."""
    parts = [HEAD]
    parts += [_declaration(name, schema) for name, schema in document.schemas.items()]
    parts.append(_client(document.operations))
    return "\n".join(parts)


def _declaration(name: str, schema: Schema) -> str:
    comment = _comment(schema.get("description", ""), "")
    return f"{comment}export type {name} = {_type(schema, '')};\n"


def _type(schema: Schema, indent: str) -> str:
    if "$ref" in schema:
        return reference_name(schema)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    for word, operator in (("oneOf", " | "), ("anyOf", " | "), ("allOf", " & ")):
        if word in schema:
            return operator.join(_type(part, indent) for part in schema[word])
    kinds = schema.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return " | ".join(_plain(kind, schema, indent) for kind in kinds)


def _plain(kind: str, schema: Schema, indent: str) -> str:
    if kind == "array":
        element = _type(schema.get("items", {}), indent)
        return f"({element})[]" if " " in element and not element.startswith("{") else f"{element}[]"
    if kind == "object":
        return _object(schema, indent)
    return {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}.get(
        kind, "unknown"
    )


def _object(schema: Schema, indent: str) -> str:
    if "properties" not in schema:
        further = schema.get("additionalProperties")
        return f"Record<string, {_type(further, indent) if isinstance(further, dict) else 'unknown'}>"
    inner = indent + "  "
    lines = []
    for name, value in schema["properties"].items():
        optional = "" if name in schema.get("required", []) else "?"
        lines.append(_comment(value.get("description", ""), inner))
        lines.append(f"{inner}{_property(name)}{optional}: {_type(value, inner)};\n")
    return "{\n" + "".join(lines) + indent + "}"


def _property(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else json.dumps(name)


def _comment(text: str, indent: str) -> str:
    lines = text.replace("*/", "*\\/").strip().split("\n")
    if lines == [""]:
        return ""
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return f"{indent}/**\n" + "".join(f"{indent} * {line}\n" for line in lines) + f"{indent} */\n"


def _client(operations: list[Operation]) -> str:
    head = """\
/** The management interface: an operation a method, by the name that openapi.json has for it. */
export abstract class Management {
  /** Sends a request and gives its answer. */
  protected abstract readonly send: Sender;
"""
    return head + "".join("\n" + _method(operation) for operation in operations) + "}\n"


def _method(operation: Operation) -> str:
    arguments = [f"{_camel(part.name)}: string" for part in operation.in_path]
    call = []
    if operation.body is not None:
        body = _type(operation.body, "")
        arguments.append(f"body: {body}" if operation.body_required else f"body?: {body}")
        call.append("body")
    if operation.in_query:
        fields = "; ".join(f"{_property(part.name)}?: {_query_type(part.schema)}" for part in operation.in_query)
        arguments.append(f"query: {{ {fields} }} = {{}}")
        call.append("query: query as Query")
    arguments.append("options: CallOptions = {}")
    answer = "void" if operation.answer is None else _type(operation.answer, "  ")
    path = re.sub(r"{(\w+)}", lambda name: "${inPath(" + _camel(name[1]) + ")}", operation.path)
    quoted = f"`{path}`" if "$" in path else json.dumps(path)
    parts = f"{{ {', '.join(call)} }}" if call else "{}"
    signature = ",\n".join(f"    {argument}" for argument in arguments)
    return (
        _comment(operation.summary, "  ")
        + f"  {_camel(operation.name)}(\n{signature},\n  ): Promise<{answer}> {{\n"
        + f"    return this.send<{answer}>({json.dumps(operation.method)}, {quoted}, {parts}, options);\n  }}\n"
    )


def _query_type(schema: Schema) -> str:
    return _type(schema, "").replace(" | null", "")


def _camel(name: str) -> str:
    first, *rest = re.split(r"[_-]", name)
    return first + "".join(word.capitalize() for word in rest)
