"""The forms in which servers send a message, each with what it holds."""

from __future__ import annotations

import pytest
from vstar_openai.messages import Parts, read_message

TEXT = '{"states": []}'


def text(said):
    return {"type": "text", "text": said}


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"content": TEXT}, Parts(TEXT)),
        ({"content": None}, Parts()),
        ({}, Parts()),
        (None, Parts()),
        (TEXT, Parts(TEXT)),
        ({"content": ""}, Parts()),
        ({"content": []}, Parts()),
        ({"content": 3}, Parts()),
        ({"content": [text(TEXT)]}, Parts(TEXT)),
        ({"content": [text('{"a"'), text(": 1}")]}, Parts('{"a": 1}')),
        ({"content": text(TEXT)}, Parts(TEXT)),
        ({"content": ["a", "b"]}, Parts("ab")),
        ({"content": [{"type": "output_text", "text": TEXT, "annotations": []}]}, Parts(TEXT)),
        ({"content": [{"type": "text", "text": {"value": TEXT, "annotations": []}}]}, Parts(TEXT)),
        ({"content": [{"text": TEXT}]}, Parts(TEXT)),
        ({"content": [{"type": "thinking", "thinking": [text("hm")]}, text(TEXT)]}, Parts(TEXT, "hm")),
        ({"content": [{"type": "thinking", "thinking": "hm"}, text(TEXT)]}, Parts(TEXT, "hm")),
        (
            {"content": [{"type": "reasoning", "text": "hm"}, {"type": "image_url", "image_url": {}}, text(TEXT)]},
            Parts(TEXT, "hm"),
        ),
        ({"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}]}, Parts("", "hm")),
        ({"content": [{"type": "refusal", "refusal": "no"}]}, Parts("", "", "no")),
        ({"content": {"states": ["a"]}}, Parts('{"states": ["a"]}')),
        ({"content": [{"type": "output_json", "json": {"a": 1}}]}, Parts('{"a": 1}')),
        ({"content": None, "refusal": "no"}, Parts("", "", "no")),
        ({"content": TEXT, "refusal": None}, Parts(TEXT)),
        ({"content": None, "reasoning_content": TEXT}, Parts("", TEXT)),
        ({"content": "", "reasoning": TEXT}, Parts("", TEXT)),
        ({"content": "", "thinking": TEXT}, Parts("", TEXT)),
        ({"content": "", "reasoning_details": [{"type": "reasoning.text", "text": TEXT}]}, Parts("", TEXT)),
        ({"content": TEXT, "reasoning_content": "hm", "reasoning": "hm"}, Parts(TEXT, "hm")),
        ({"content": None, "tool_calls": [{"type": "function", "function": {"name": "x", "arguments": TEXT}}]}, Parts(TEXT)),
        ({"content": None, "tool_calls": [{"function": {"name": "x", "arguments": {"states": []}}}]}, Parts(TEXT)),
        ({"content": None, "tool_calls": [{"type": "custom", "custom": {"name": "x", "input": TEXT}}]}, Parts(TEXT)),
        ({"content": None, "tool_calls": None, "function_call": {"name": "x", "arguments": TEXT}}, Parts(TEXT)),
        ({"content": "I call.", "tool_calls": [{"function": {"arguments": TEXT}}]}, Parts(f"I call.\n{TEXT}")),
        ({"content": None, "tool_calls": [3, {"function": None}]}, Parts()),
    ],
)
def test_what_a_message_holds(message, parts):
    assert read_message(message) == parts
