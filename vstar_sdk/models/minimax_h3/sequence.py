"""The one sequence of MiniMax-H3: text, what is given, sound and video, each token with a place in time and in the picture.

The unit of its time is a fortieth of a second, a latent of the sound. A frame, at 24 a second, takes 5/3 of it. Text counts its
tokens up to the beginning of the video; several texts all end there, so that each stands to the video as if it were alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from typing import NamedTuple

import torch
from torch import Tensor

from vstar_sdk.models.minimax_h3.sites import CYCLE, PATCH

VIDEO, TEXT, AUDIO = 0, 1, 2
"""What a token is, by its tag."""
UNIT = 5.0 / 3.0
"""Of its time, to a frame."""
SPAN = 32.0
"""Of a square picture's sides."""
CHANNELS = 2
"""Of its sound, one after the other."""


class Places(NamedTuple):
    """What the network is told of a sequence; the names are those of its arguments.

    Attributes:
        position_ids: time, row and column of every token, ``(tokens, 3)``, float64.
        token_tags: what it is, ``(tokens,)``.
        video_indices: where the tokens of video are, given ones first.
        audio_indices: where those of sound are.
        text_indices: where those of text are.
    """

    position_ids: Tensor
    token_tags: Tensor
    video_indices: Tensor
    audio_indices: Tensor
    text_indices: Tensor


def places(texts: Sequence[int], grid: tuple[int, int, int], sound: int) -> Places:
    """The sequence of a clip: text, sound, video.

    Args:
        texts: tokens of each text.
        grid: latent frames, rows and columns of tokens.
        sound: latents of a channel of the sound.
    """
    frames, rows, columns = grid
    origin = float(max(texts))
    words, sounds, picture = sum(texts), CHANNELS * sound, rows * columns
    area = float(torch.tensor(rows * columns * PATCH**2, dtype=torch.float64).sqrt())
    down, across = (_side(count, area) for count in (rows, columns))
    positions = torch.zeros(words + sounds + frames * picture, 3, dtype=torch.float64)
    positions[:words, 0] = _text_times(texts, origin)
    audio = torch.unflatten(positions[words : words + sounds], 0, (CHANNELS, sound))
    audio[:, :, 0] = origin + torch.arange(sound, dtype=torch.float64)
    audio[:, :, 2] = torch.stack([across[0], across[-1]])[:, None]
    video = torch.unflatten(positions[words + sounds :], 0, (frames, rows, columns))
    video[..., 0] = _frame_times(frames, origin)[:, None, None]
    video[..., 1], video[..., 2] = down[:, None], across
    tags = torch.tensor([TEXT, AUDIO, VIDEO]).repeat_interleave(torch.tensor([words, sounds, frames * picture]))
    where = torch.arange(len(tags))
    return Places(positions, tags, where[words + sounds :], where[words : words + sounds], where[:words])


def retold(given: Places, texts: Sequence[int]) -> Places:
    """A sequence with other texts in the place of its own: all else moves.

    Args:
        given: it.
        texts: tokens of each text.
    """
    old, words, origin = len(given.text_indices), sum(texts), float(max(texts))
    rest, more = given.position_ids[old:].clone(), words - old
    rest[:, 0] += origin - old
    times = _text_times(texts, origin).to(rest)
    told = torch.stack([times, torch.zeros_like(times), torch.zeros_like(times)], dim=1)
    return Places(
        torch.cat([told, rest]),
        torch.cat([given.token_tags.new_full((words,), TEXT), given.token_tags[old:]]),
        given.video_indices + more,
        given.audio_indices + more,
        torch.arange(words, device=given.text_indices.device),
    )


def generated(given: Places) -> tuple[int, int, int]:
    """Latent frames, rows and columns of the tokens of the video that is made: the last ones, behind those of the sound."""
    where = given.video_indices
    breaks = (where.diff() != 1).nonzero()
    own = where if len(breaks) == 0 else where[int(breaks[-1]) + 1 :]
    at = given.position_ids[own]
    frames = 1 + int((at[:, 0].diff() != 0).sum())
    picture = at[: len(own) // frames]
    rows = 1 + int((picture[:, 1].diff() != 0).sum())
    return frames, rows, len(picture) // rows


def frames_of_sound(tokens: int) -> Tensor:
    """The latent frame at the time of each token of a sound, one channel after the other: ``(tokens,)``, int64."""
    frame = torch.arange(tokens // CHANNELS) * 3 // 5  # a latent of the sound takes 3/5 of a frame
    group, inside = frame // sum(CYCLE), frame % sum(CYCLE)
    begins = torch.tensor([sum(CYCLE[:index]) for index in range(len(CYCLE))])
    return (group * len(CYCLE) + torch.searchsorted(begins, inside, right=True) - 1).repeat(CHANNELS)


def _text_times(texts: Sequence[int], origin: float) -> Tensor:
    return torch.cat([origin - count + torch.arange(count, dtype=torch.float64) for count in texts])


def _frame_times(frames: int, origin: float) -> Tensor:
    """The beginning of every latent frame."""
    spans = torch.tensor([UNIT * count for count in islice(cycle(CYCLE), frames)], dtype=torch.float64)
    return origin + torch.cat([spans.new_zeros(1), spans[:-1].cumsum(0)])


def _side(tokens: int, area: float) -> Tensor:
    """Where the tokens of a side are: around the middle of a square of the picture's area."""
    share = tokens * PATCH / area
    left = (1.0 - share) / 2.0
    step = ((left + share) - left) / tokens
    return (torch.arange(tokens, dtype=torch.float64) * step + left) * SPAN
