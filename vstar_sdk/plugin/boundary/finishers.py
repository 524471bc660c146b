"""The contract of finishers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vstar_sdk.footage import Footage, Sound
from vstar_sdk.plugin.boundary import values
from vstar_sdk.plugin.boundary.calls import Call, ContractFault, Drawn
from vstar_sdk.plugin.boundary.contract import Contract, Member
from vstar_sdk.plugin.boundary.frames import Source


class _Finished(Drawn):
    """The frames of a finisher; an error of those that went in passes as it is."""

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except StopIteration:
            raise
        except BaseException:
            source = self._call.arguments["frames"]
            if isinstance(source, Source) and source.error is not None:
                raise source.error from None
            raise


def _plan(value: Any, call: Call) -> Footage:
    values.instance(Footage)(value, call)
    rules: dict[str, values.Rule] = {
        **dict.fromkeys(("frames", "width", "height"), values.count),
        "fps": lambda held: values.number(held) and held > 0,
        "prompt": values.text,
    }
    values.fields(value, rules)
    call.memory.setdefault("planned", {})[call.arguments["clip"]] = value
    return value


def _frames(value: Any, call: Call) -> Drawn:
    planned: Footage | None = call.memory.get("planned", {}).get(call.arguments["clip"])
    size = (planned.height, planned.width) if planned else None

    def check(frame: Any, index: int) -> Any:
        if (fault := values.frame_fault(frame, size)) is not None:
            raise ContractFault(f"yielded as frame {index} {fault}")
        return frame

    return _Finished(value, call, check, planned.frames if planned else None)


def _sound(value: Any, call: Call) -> Sound | None:
    if value is None:
        return None
    values.instance(Sound)(value, call)
    rules: dict[str, values.Rule] = {
        "name": values.text,
        "rate": lambda held: values.count(held) and 8000 <= held <= 48000,
        "channels": lambda held: held in (1, 2),
        "samples": callable,
    }
    values.fields(value, rules)
    given = value.samples

    def samples() -> Drawn:
        """Each piece is drawn from the plugin behind the boundary."""
        return Drawn(call.run(given), call, lambda item, index: item, None)

    return replace(value, samples=samples)


CONTRACT = Contract(
    "Finisher",
    (
        Member("plan", _plan, ("clip",)),
        Member("finish", _frames, ("frames", "clip")),
        Member("sound", _sound, optional=True),
    ),
)
