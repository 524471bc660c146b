"""Fixtures for pytest, there as soon as vstar-sdk is installed: tiny models, runs of two steps, a language model on loopback.

Nothing is loaded before a test asks for it. ``pytest -p no:vstar_sdk.testing.fixtures`` leaves them out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from vstar_sdk.runs.result import Result
    from vstar_sdk.runs.session import Session
    from vstar_sdk.testing.language_model import LanguageModel


@pytest.fixture(scope="session")
def factorised_model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The ``model`` of a spec: a tiny random one whose temporal attention stands apart. Any number of frames, 16 x 16 pixels."""
    import torch

    from vstar_sdk.testing.tiny_factorised import write_factorised

    directory = tmp_path_factory.mktemp("factorised")
    with torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]
        write_factorised(directory)
    return {"use": "modelscope", "path": str(directory)}


@pytest.fixture(scope="session")
def joint_model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The ``model`` of a spec: a tiny random one in which all tokens attend to each other. 1 + 4k frames, 16 x 16 pixels."""
    import torch

    from vstar_sdk.testing.tiny_joint import write_joint

    directory = tmp_path_factory.mktemp("joint")
    with torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]
        write_joint(directory)
    return {"use": "wan", "path": str(directory)}


@pytest.fixture(scope="session", params=["factorised", "joint"])
def tiny_model(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Both tiny models, one after the other: a test that asks for it runs twice."""
    model: dict[str, Any] = request.getfixturevalue(f"{request.param}_model")
    return model


class TwoStepRun:
    """Makes small videos; see `two_step_run`.

    Args:
        session: keeps the models warm.
        folder: where the run directories go.
        model: of a spec that names none.
    """

    def __init__(self, session: Session, folder: Path, model: Mapping[str, Any]) -> None:
        self._session, self._folder, self._model, self._count = session, folder, model, 0

    def __call__(self, spec: Mapping[str, Any] | None = None, *, plugins: Mapping[str, object] | None = None) -> Result:
        """Make a video of 5 frames in 2 steps: two states, no regularizer, nothing written but what the spec says.

        Args:
            spec: what differs; keys of ``sampling`` are added to the two steps.
            plugins: modules (or objects) that take part, by namespace. One that is installed is listed by its name instead.

        Returns:
            The result; its ``directory`` holds the artifacts.

        Raises:
            VstarError: see `vstar_sdk.run`.
        """
        from vstar_sdk.testing.plugins import taking_part

        given: Mapping[str, Any] = spec or {}
        whole = {
            "prompt": "a landscape",
            "frames": 5,
            "size": [16, 16],
            "model": dict(self._model),
            "synopsis": {"states": ["a green landscape in summer", "a snowy landscape in winter"]},
            "regularizers": [],
            "output": [],
            "latents": False,
            **given,
            "sampling": {"steps": 2, **given.get("sampling", {})},
        }
        self._count += 1
        return self._session.run(whole, out=self._folder / f"run-{self._count}", plugins=taking_part(plugins or {}))


@pytest.fixture(scope="session")
def _two_step_session() -> Iterator[Session]:
    from vstar_sdk.runs.session import Session

    with Session(max_models=4) as session:
        yield session


@pytest.fixture
def two_step_run(_two_step_session: Session, tmp_path: Path, factorised_model: dict[str, Any]) -> TwoStepRun:
    """Makes a video in two steps: ``two_step_run({"regularizers": [{"use": "acme/lean"}]}, plugins={"acme": vstar_acme})``."""
    return TwoStepRun(_two_step_session, tmp_path, factorised_model)


@pytest.fixture
def language_model(monkeypatch: pytest.MonkeyPatch) -> Iterator[LanguageModel]:
    """A language model on loopback; ``language_model.backend`` is the backend of a spec that asks it."""
    from vstar_sdk.testing.language_model import KEY, LanguageModel

    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)
    with LanguageModel().serving() as serving:
        yield serving
