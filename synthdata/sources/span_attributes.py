"""What the attributes of a span mean, by the dialect that they are written in, whatever library wrote them.

Known are the GenAI conventions of OpenTelemetry (attributes of today, events and attributes of before), OpenInference,
Traceloop (OpenLLMetry), the Vercel AI SDK, pydantic-ai (Logfire), Google's ADK, MLflow and Langfuse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from synthdata.records import canonical_json
from synthdata.sources.span_values import Message, from_json, input_messages, output_messages
from synthdata.sources.spans import Kind

Attributes = Mapping[str, Any]
Spoken = Sequence[tuple[str, Attributes]]
Reading = Callable[[Attributes, Spoken], list[Message]]
_OPERATIONS: dict[str, Kind] = {
    "chat": "model", "text_completion": "model", "completion": "model", "generate_content": "model",
    "generate": "model", "execute_tool": "tool", "invoke_agent": "agent", "create_agent": "other",
    "invoke_workflow": "other", "embeddings": "other",
}  # fmt: skip
_KINDS: dict[str, Kind] = {
    "llm": "model", "chat_model": "model", "generation": "model", "chat": "model", "completion": "model",
    "tool": "tool", "agent": "agent", "workflow": "other", "task": "other", "chain": "other",
}  # fmt: skip
_KIND_KEYS = (
    "openinference.span.kind", "traceloop.span.kind", "langfuse.observation.type", "mlflow.spanType",
    "langsmith.span.kind", "logfire.span.kind",
)  # fmt: skip
_PREFIXES = ("gen_ai.", "llm.", "openinference.", "traceloop.", "ai.", "langfuse.", "mlflow.", "langsmith.",
             "pydantic_ai.", "gcp.vertex.agent.")  # fmt: skip
DIALECTS = "the GenAI conventions, OpenInference, Traceloop, the Vercel AI SDK, Langfuse, MLflow, LangSmith, Google ADK"
# What a message event of the older conventions is called, and who speaks in it.
_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
# The highest index that is read of attributes such as `gen_ai.prompt.12.content`.
_MOST_INDEXED = 20_000


@dataclass(slots=True)
class Meaning:
    """What the attributes of a span and its events say; `kind` is None where no dialect is known."""

    kind: Kind | None
    inputs: list[Message] = field(default_factory=list)
    outputs: list[Message] = field(default_factory=list)
    tool: str = ""
    arguments: object = None
    answer: object = None
    call_id: str = ""
    model: str = ""
    tools: str = ""


def meaning(name: str, attributes: Attributes, events: Spoken) -> Meaning:
    """Read one span; `events` are its events (and log records that name it) with their attributes."""
    spoken = [
        (event, _with_content(values)) for event, values in events if event.startswith("gen_ai.") or "message" in event
    ]
    kind = _kind(name, attributes, spoken)
    if kind is None:
        return Meaning(None)
    span = Meaning(kind, model=_text(attributes, _MODELS), tools=_tools(attributes))
    if kind == "tool":
        span.tool = _text(attributes, _TOOL_NAMES) or name.removeprefix("execute_tool ").removesuffix(".tool")
        span.call_id = _text(attributes, _TOOL_IDS)
        span.arguments = _unpacked(_first(attributes, _TOOL_ARGUMENTS))
        span.answer = _unpacked(_first(attributes, _TOOL_ANSWERS))
    else:
        span.inputs = _inputs(attributes, spoken)
        span.outputs = _outputs(attributes, spoken)
    return span


_MODELS = ("gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "llm.request.model", "ai.model.id",
           "langfuse.observation.model.name")  # fmt: skip
_TOOL_NAMES = ("gen_ai.tool.name", "tool.name", "ai.toolCall.name", "traceloop.entity.name", "tool_name")
_TOOL_IDS = ("gen_ai.tool.call.id", "tool_call.id", "tool.call_id", "ai.toolCall.id", "tool_call_id")
_TOOL_ARGUMENTS = (
    "gen_ai.tool.call.arguments", "tool.parameters", "ai.toolCall.args", "tool_arguments", "traceloop.entity.input",
    "gcp.vertex.agent.tool_call_args", "langfuse.observation.input", "mlflow.spanInputs", "gen_ai.tool.arguments",
    "gen_ai.tool.input", "input.value", "gen_ai.prompt",
)  # fmt: skip
_TOOL_ANSWERS = (
    "gen_ai.tool.call.result", "tool.output", "ai.toolCall.result", "tool_response", "traceloop.entity.output",
    "gcp.vertex.agent.tool_response", "langfuse.observation.output", "mlflow.spanOutputs", "gen_ai.tool.result",
    "gen_ai.tool.output", "output.value", "gen_ai.completion",
)  # fmt: skip


def _kind(name: str, attributes: Attributes, spoken: Spoken) -> Kind | None:
    operation = attributes.get("gen_ai.operation.name")
    if isinstance(operation, str) and operation in _OPERATIONS:
        return _OPERATIONS[operation]
    for key in _KIND_KEYS:
        kind_name = attributes.get(key)
        if isinstance(kind_name, str):
            return _KINDS.get(kind_name.lower(), "other")
    vercel = attributes.get("ai.operationId")
    if isinstance(vercel, str):
        if vercel.endswith((".doGenerate", ".doStream")):
            return "model"
        return "tool" if vercel == "ai.toolCall" else "agent"
    if "gcp.vertex.agent.llm_request" in attributes:
        return "model"
    if "gcp.vertex.agent.tool_call_args" in attributes or name.startswith("execute_tool "):
        return "tool"
    if name.startswith("invoke_agent ") or "agent_name" in attributes or "gen_ai.agent.name" in attributes:
        return "agent"
    if spoken or any(
        key.startswith(
            ("gen_ai.prompt", "gen_ai.completion", "gen_ai.input", "gen_ai.output", "llm.prompts", "llm.input_messages")
        )
        for key in attributes
    ):
        return "model"
    return "other" if any(key.startswith(_PREFIXES) for key in attributes) else None


def _inputs(attributes: Attributes, spoken: Spoken) -> list[Message]:
    before = _instructions(attributes)
    messages_in = next((messages for read in _INPUTS if (messages := read(attributes, spoken))), [])
    return messages_in if messages_in and messages_in[0].get("role") == "system" else [*before, *messages_in]


def _outputs(attributes: Attributes, spoken: Spoken) -> list[Message]:
    return next((messages for read in _OUTPUTS if (messages := read(attributes, spoken))), [])


def _instructions(attributes: Attributes) -> list[Message]:
    instructions = from_json(attributes.get("gen_ai.system_instructions"))
    return (
        [{"role": "system", "content": instructions}] if isinstance(instructions, str | list) and instructions else []
    )


def _tools(attributes: Attributes) -> str:
    value = from_json(_first(attributes, ("gen_ai.tool.definitions", "ai.prompt.tools", "llm.request.functions")))
    if isinstance(value, list) and value:
        return canonical_json([from_json(item) for item in value])
    listed = _tree(attributes, "llm.tools") or _tree(attributes, "llm.request.functions")
    made = [
        from_json(item.get("tool", item).get("json_schema", item))
        for item in listed
        if isinstance(item.get("tool", item), dict)
    ]
    return canonical_json(made) if made else ""


def _with_content(attributes: Attributes) -> Attributes:
    """An event's attributes with those that it packs as JSON text beside them."""
    packed = from_json(attributes.get("gen_ai.event.content", attributes.get("body")))
    return {**packed, **attributes} if isinstance(packed, dict) else attributes


def _at(key: str, read: Callable[[object], list[Message]]) -> Reading:
    """What stands under one attribute."""
    return lambda attributes, spoken: read(attributes.get(key))


def _in_event(key: str, read: Callable[[object], list[Message]]) -> Reading:
    """What stands under one attribute of an event."""
    return lambda attributes, spoken: next((m for _, event in spoken if key in event and (m := read(event[key]))), [])


def _asked_events(attributes: Attributes, spoken: Spoken) -> list[Message]:
    """The message events of before, one a message."""
    return [_spoken_message(event, _EVENTS[name]) for name, event in spoken if name in _EVENTS]


def _choice_event(attributes: Attributes, spoken: Spoken) -> list[Message]:
    """The first event of before that says what the model answered."""
    return next(([_choice(event)] for name, event in spoken if name == "gen_ai.choice"), [])


def _choice(attributes: Attributes) -> Message:
    message = from_json(attributes.get("message"))
    if isinstance(message, dict):
        return _spoken_message({**attributes, **message}, "assistant")
    return _spoken_message(
        {**attributes, "content": message if message is not None else attributes.get("content")}, "assistant"
    )


def _spoken_message(attributes: Attributes, role: str) -> Message:
    message: Message = {"role": role, "content": _parts(attributes.get("content"))}
    calls = from_json(attributes.get("tool_calls"))
    if isinstance(calls, list):
        message["tool_calls"] = [call for call in map(from_json, calls) if call]
    if role == "tool":
        message["tool_call_id"] = attributes.get("id", attributes.get("tool_call_id"))
    return message


def _parts(value: object) -> object:
    """Content parts where a text is the JSON of a list of them, else the text."""
    read = from_json(value)
    if not isinstance(read, list) or not read or not all(isinstance(part, dict) for part in read):
        return value
    known = all(part.keys() & {"type", "text", "toolUse", "toolResult"} for part in read)
    return read if known else value


def _packed_events(attributes: Attributes) -> Spoken:
    """pydantic-ai before: the events of a call, or of the agent's whole run, as one attribute."""
    events = from_json(attributes.get("events", attributes.get("all_messages_events")))
    listed = events if isinstance(events, list) else []
    return [(str(event.get("event.name", "")), event) for event in listed if isinstance(event, dict)]


def _packed_asked(attributes: Attributes, spoken: Spoken) -> list[Message]:
    return _asked_events(attributes, _packed_events(attributes))


def _packed_choice(attributes: Attributes, spoken: Spoken) -> list[Message]:
    return _choice_event(attributes, _packed_events(attributes))


def _numbered(prefix: str) -> Reading:
    """Traceloop's `gen_ai.prompt.0.role` and so on as messages."""
    return lambda attributes, spoken: _numbered_messages(attributes, prefix)


def _numbered_messages(attributes: Attributes, prefix: str) -> list[Message]:
    messages = []
    for item in _tree(attributes, prefix):
        message: Message = {"role": item.get("role", "assistant" if "completion" in prefix else "user")}
        message["content"] = _parts(item.get("content"))
        if "tool_call_id" in item:
            message["tool_call_id"] = item["tool_call_id"]
        if "reasoning" in item or "reasoning_content" in item:
            message["reasoning_content"] = item.get("reasoning", item.get("reasoning_content"))
        calls = item.get("tool_calls")
        if isinstance(calls, list):
            message["tool_calls"] = calls
        elif isinstance(item.get("function_call"), dict):
            message["function_call"] = item["function_call"]
        messages.append(message)
    return messages


def _open_inference(prefix: str) -> Reading:
    """OpenInference's `llm.input_messages.0.message.role` and so on as messages."""

    def read(attributes: Attributes, spoken: Spoken) -> list[Message]:
        value = from_json(attributes.get(prefix))
        listed = _tree(attributes, prefix) or (value if isinstance(value, list) else [])
        items = [item for item in listed if isinstance(item, dict)]
        return [_open_inference_message(item.get("message", _without(item, "message."))) for item in items]

    return read


def _without(item: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in item.items()}


def _open_inference_message(body: object) -> Message:
    item = body if isinstance(body, dict) else {}
    message: Message = {"role": item.get("role", "user"), "content": item.get("content")}
    contents = item.get("contents")
    if isinstance(contents, list):
        message["content"] = [
            _open_inference_part(part.get("message_content", part)) for part in contents if isinstance(part, dict)
        ]
    if item.get("tool_call_id"):
        message["tool_call_id"] = item["tool_call_id"]
    calls = item.get("tool_calls")
    if isinstance(calls, list):
        message["tool_calls"] = [
            call.get("tool_call", _nested(_without(call, "tool_call."))) for call in calls if isinstance(call, dict)
        ]
    if item.get("function_call_name"):
        message["function_call"] = {
            "name": item["function_call_name"],
            "arguments": item.get("function_call_arguments_json"),
        }
    return message


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """`{"function.name": ..}` as `{"function": {"name": ..}}`."""
    made: dict[str, Any] = {}
    for key, value in flat.items():
        head, dot, rest = key.partition(".")
        if dot:
            inner = made.setdefault(head, {})
            if isinstance(inner, dict):
                inner[rest] = value
        else:
            made[key] = value
    return made


def _open_inference_part(part: object) -> object:
    if not isinstance(part, dict) or part.get("type") != "image":
        return part
    image = part.get("image")
    inner = image.get("image", image) if isinstance(image, dict) else {}
    return {"type": "image_url", "image_url": {"url": str(inner.get("url", "")) if isinstance(inner, dict) else ""}}


def _vercel_answer(attributes: Attributes, spoken: Spoken) -> list[Message]:
    text, calls = attributes.get("ai.response.text"), from_json(attributes.get("ai.response.toolCalls"))
    if not text and not calls:
        return []
    message: Message = {
        "role": "assistant",
        "content": text,
        "reasoning_content": attributes.get("ai.response.reasoning"),
    }
    if isinstance(calls, list):
        message["tool_calls"] = calls
    return [message]


def _tree(attributes: Attributes, prefix: str) -> list[dict[str, Any]]:
    """Attributes `prefix.0.a.b`, `prefix.1.c` as a list of nested objects and lists, in the order of the numbers."""
    root: dict[str, Any] = {}
    head = prefix + "."
    for key, value in attributes.items():
        if not key.startswith(head):
            continue
        path = key[len(head) :].split(".")
        if len(path) < 2 or not path[0].isdigit():
            continue
        node = root
        for part in path[:-1]:
            inner = node.setdefault(part, {})
            if not isinstance(inner, dict):
                break
            node = inner
        else:
            node[path[-1]] = value
    listed = _lists(root)
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _lists(node: Any) -> Any:  # noqa: ANN401 - any JSON
    """Objects whose keys are all numbers as lists."""
    if not isinstance(node, dict):
        return node
    inner = {key: _lists(value) for key, value in node.items()}
    numbers = all(key.isdigit() and len(key) < 6 and int(key) < _MOST_INDEXED for key in inner)
    return [inner[key] for key in sorted(inner, key=int)] if inner and numbers else inner


def _unpacked(value: object) -> object:
    """A tool's input or output without the wrapping of its tracer."""
    read = from_json(value)
    if isinstance(read, dict) and len(read) <= 4:
        for key in ("inputs", "input_str", "output", "outputs"):
            if key in read and not (
                read.keys() - {"inputs", "input_str", "output", "outputs", "tags", "metadata", "kwargs", "args"}
            ):
                return from_json(read[key])
    return value


def _first(attributes: Attributes, keys: Sequence[str]) -> object:
    return next((attributes[key] for key in keys if attributes.get(key) is not None), None)


def _text(attributes: Attributes, keys: Sequence[str]) -> str:
    return next((attributes[key] for key in keys if isinstance(attributes.get(key), str) and attributes[key]), "")


# The most precise first: an attribute for all messages, then events, then the attributes of single dialects.
_INPUTS: tuple[Reading, ...] = (
    _at("gen_ai.input.messages", input_messages),
    _in_event("gen_ai.input.messages", input_messages),
    _asked_events,
    _packed_asked,
    _at("pydantic_ai.all_messages", input_messages),
    _numbered("gen_ai.prompt"),
    _numbered("llm.prompts"),
    _open_inference("llm.input_messages"),
    _at("ai.prompt.messages", input_messages),
    _at("ai.prompt", input_messages),
    _at("gcp.vertex.agent.llm_request", input_messages),
    _in_event("gen_ai.prompt", input_messages),
    _at("gen_ai.prompt", input_messages),
    _at("langfuse.observation.input", input_messages),
    _at("mlflow.spanInputs", input_messages),
    _at("traceloop.entity.input", input_messages),
    _at("input.value", input_messages),
)
_OUTPUTS: tuple[Reading, ...] = (
    _at("gen_ai.output.messages", output_messages),
    _in_event("gen_ai.output.messages", output_messages),
    _choice_event,
    _packed_choice,
    _numbered("gen_ai.completion"),
    _numbered("llm.completions"),
    _open_inference("llm.output_messages"),
    _vercel_answer,
    _at("gcp.vertex.agent.llm_response", output_messages),
    _in_event("gen_ai.completion", output_messages),
    _at("gen_ai.completion", output_messages),
    _at("langfuse.observation.output", output_messages),
    _at("mlflow.spanOutputs", output_messages),
    _at("traceloop.entity.output", output_messages),
    _at("output.value", output_messages),
)
