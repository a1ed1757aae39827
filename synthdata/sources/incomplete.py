"""Files of which a half stands elsewhere: what is known of them, so that a refusal says which half is missing."""

from __future__ import annotations

from typing import Any

JOIN = "write both in one row as `messages`"


def missing_half(value: object) -> str:
    """What a row lacks to be a run or a sample, where it is plain from its keys; else empty."""
    if not isinstance(value, dict):
        return ""
    return next((reason for holds, reason in _HALVES if holds(value)), "")


def _is_result(row: dict[str, Any]) -> bool:
    counted = any(key in row for key in ("latency", "input_token_count", "output_token_count"))
    return "result" in row and "id" in row and counted and "question" not in row


def _is_question(row: dict[str, Any]) -> bool:
    return isinstance(row.get("question"), list) and "id" in row and isinstance(row.get("function"), list)


def _is_ground_truth(row: dict[str, Any]) -> bool:
    return set(row) == {"id", "ground_truth"} and isinstance(row["ground_truth"], list)


def _is_batch(row: dict[str, Any]) -> bool:
    answer = row.get("response", row.get("result"))
    return "custom_id" in row and isinstance(answer, dict) and not any(key in row for key in ("body", "params"))


def _is_request(row: dict[str, Any]) -> bool:
    asked = row.get("body", row.get("params"))
    return "custom_id" in row and isinstance(asked, dict) and "messages" in asked


def _is_trial(row: dict[str, Any]) -> bool:
    return "is_success" in row and isinstance(row.get("memory"), list)


def _is_terminal_bench(row: dict[str, Any]) -> bool:
    results = row.get("results")
    return isinstance(results, list) and any(isinstance(one, dict) and "is_resolved" in one for one in results)


_ACTED = ("actions", "operation", "action_reprs")


def _is_mind2web(row: dict[str, Any]) -> bool:
    return "confirmed_task" in row and any(isinstance(row.get(key), list | dict | str) for key in _ACTED)


_HALVES = (
    (
        _is_mind2web,
        "pages and a person's actions on them (Mind2Web), where each page stands before its action and none answers "
        "it: write the task with a page, or with its candidates, as a user's message and the action as the "
        "assistant's, in `messages`",
    ),
    (_is_result, f"calls of a function calling leaderboard without their questions, which its data has by id: {JOIN}"),
    (
        _is_question,
        f"questions of a function calling leaderboard without answers, which its results have by id: {JOIN}",
    ),
    (_is_ground_truth, f"expected calls without their questions, which another file has by id: {JOIN}"),
    (_is_batch, f"answers of a batch without their requests, which another file has by `custom_id`: {JOIN}"),
    (_is_request, f"requests of a batch without their answers, which another file has by `custom_id`: {JOIN}"),
    (_is_trial, "outcomes and reflections of trials without their steps: what the agent did stands in another file"),
    (_is_terminal_bench, "outcomes of tasks without their steps: give the agent's `trajectory.json` files (ATIF)"),
)
