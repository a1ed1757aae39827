"""Does an answer fit the schema it was asked for, and how to ask once more where it does not."""

from __future__ import annotations

import json

import jsonschema

from synthdata.protocols import Message, Request


def fault_of(text: str, schema: str) -> str:
    """What is wrong with the answer, in words that a model can act on; empty where it fits."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    validator = jsonschema.Draft202012Validator(json.loads(schema))
    worst = jsonschema.exceptions.best_match(validator.iter_errors(value))
    if worst is None:
        return ""
    where = "/".join(str(part) for part in worst.absolute_path) or "the whole answer"
    return f"{where}: {worst.message[:300]}"


def fault_in(text: str, request: Request) -> str:
    """Why an answer is not what the request allows, by its schema or its choices; empty where it is."""
    if request.choices and text not in request.choices:
        return f"is none of the {len(request.choices)} choices: {text[:200]!r}"
    fault = fault_of(text, request.schema) if request.schema else ""
    return f"does not fit the schema: {fault}" if fault else ""


def repair_messages(messages: tuple[Message, ...], answer: str, fault: str) -> tuple[Message, ...]:
    """The conversation with the bad answer and a request to mend it."""
    ask = f"That answer does not fit the schema: {fault}. Answer again with the JSON document alone."
    return (*messages, Message("assistant", answer[:8000]), Message("user", ask))
