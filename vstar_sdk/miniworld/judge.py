"""The judge: reads from a picture of the embedded world which scene it shows, and at which stage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor, nn

from vstar_sdk.miniworld.grammar import Family, families

WEIGHTS = Path(__file__).parent / "weights" / "judge" / "model.safetensors"


@dataclass(frozen=True)
class Verdict:
    """What the judge reads from frames.

    Attributes:
        families: probability of each family, ``(F, families)``, in the order of `Judge.names`.
        stages: the stage that a frame shows if it is of that family, ``(F, families)``, in [0, 1].
    """

    families: NDArray[np.float32]
    stages: NDArray[np.float32]


class JudgeNet(nn.Module):
    """A small convolutional network: pictures ``(B, 3, 64, 64)`` in [-1, 1] to families and stages.

    The output has three numbers a family: its logit, and two that tell its stage. Those are the cosine and sine of the
    stage as an angle where stages repeat; otherwise the first is the stage.
    """

    def __init__(self, count: int, width: int = 32) -> None:
        super().__init__()
        sizes = (3, width, 2 * width, 3 * width, 4 * width)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(sizes))
        self.more = nn.ModuleList(nn.Conv2d(b, b, 3, 1, 1) for b in sizes[1:])
        self.norms = nn.ModuleList(nn.GroupNorm(8, b) for b in sizes[1:])
        self.hidden = nn.Linear(4 * width * 16, 128)
        self.out = nn.Linear(128, 3 * count)

    def forward(self, pictures: Tensor) -> Tensor:
        """``(B, 3, 64, 64)`` to ``(B, families, 3)``."""
        x = pictures
        for conv, more, norm in zip(self.convs, self.more, self.norms, strict=True):
            x = functional.silu(norm(conv(x)))
            x = x + functional.silu(more(x))
        return self.out(functional.silu(self.hidden(x.flatten(1)))).unflatten(-1, (-1, 3))


def stages_of(output: Tensor, cyclic: Tensor) -> Tensor:
    """Stages ``(B, families)`` from the network's output; ``cyclic`` is ``(families,)``, boolean."""
    angle = torch.atan2(output[..., 2], output[..., 1]) / (2 * torch.pi) % 1.0
    return torch.where(cyclic, angle, output[..., 1].clamp(0, 1))


def stage_distance(family: Family, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """How far stages are apart, as a share of the whole scale; the short way round where stages repeat."""
    off = np.abs(np.asarray(a) - np.asarray(b))
    return np.minimum(off % 1, 1 - off % 1) if family.cyclic else off


class Judge:
    """Reads scenes and stages from frames.

    Its own error on held-out renders, blurred as the model's decoder blurs them, is kept in the file of its weights.

    Args:
        path: safetensors made by ``training.judge``; the shipped one without it.

    Raises:
        FileNotFoundError: there is no such file.
    """

    def __init__(self, path: Path = WEIGHTS) -> None:
        opened: Any = safe_open(path, framework="pt")
        with opened as file:
            about: dict[str, str] = file.metadata()
            state: dict[str, Tensor] = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
        self.names: tuple[str, ...] = tuple(about["families"].split(","))
        self.error = dict(zip(self.names, map(float, about["error"].split(",")), strict=True))
        """Mean stage error on held-out renders, by family."""
        self._cyclic = torch.tensor([families()[name].cyclic for name in self.names])
        self._net = JudgeNet(len(self.names), width=len(state["norms.0.weight"]))
        self._net.load_state_dict(state)
        self._net.eval()

    @torch.no_grad()
    def read(self, frames: NDArray[np.uint8]) -> Verdict:
        """Families and stages of frames, uint8 ``(F, 64, 64, 3)``."""
        pictures = torch.as_tensor(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 127.5 - 1
        output = torch.cat([self._net(part) for part in torch.split(pictures, 64)])
        return Verdict(output[..., 0].softmax(-1).numpy(), stages_of(output, self._cyclic).numpy())

    def stages(self, frames: NDArray[np.uint8], family: str) -> NDArray[np.float32]:
        """The stages ``(F,)`` of frames that should show that family.

        Raises:
            ValueError: the judge does not know that family.
        """
        if family not in self.names:
            raise ValueError(f"the judge does not know the family '{family}', only {', '.join(self.names)}")
        return self.read(frames).stages[:, self.names.index(family)]


@cache
def judge() -> Judge:
    """The shipped judge, loaded once."""
    return Judge()
