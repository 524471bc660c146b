"""Tokenizer and text encoder, and how a clip's captions become one embedding a frame."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training.data import Clip
from training.parallel import wait
from vstar_sdk.miniworld.grammar import Family, between_caption, change_captions, corpus, families, key_captions

LENGTH = 24
"""Tokens of a caption, start and end included; shorter ones are padded."""

WIDTH = 64


def new_tokenizer() -> Any:
    """A CLIP tokenizer whose byte pairs were learned from all captions of the world."""
    start, end = "<|startoftext|>", "<|endoftext|>"
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=end))
    bpe.normalizer = normalizers.Lowercase()
    bpe.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=1600,
        special_tokens=[start, end],
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    bpe.train_from_iterator(corpus(), trainer)
    state = json.loads(bpe.to_str())["model"]
    learned = sorted(state["vocab"], key=state["vocab"].__getitem__)
    fixed = [start, end, *alphabet, *(f"{letter}</w>" for letter in alphabet)]
    vocab = {token: i for i, token in enumerate(dict.fromkeys([*fixed, *learned]))}
    merges = [tuple(merge) for merge in state["merges"]]
    build: Any = CLIPTokenizer
    return build(vocab=vocab, merges=merges, model_max_length=LENGTH)


def run_tokenizer(folder: Path, rank: int) -> Any:
    """The tokenizer of a run: made once, by process 0, because learning byte pairs breaks ties at random."""
    path = folder / "tokenizer"
    if rank == 0 and not path.exists():
        new_tokenizer().save_pretrained(folder / "tokenizer.new")
        (folder / "tokenizer.new").rename(path)
    wait()
    return CLIPTokenizer.from_pretrained(path)


def new_text_encoder(tokenizer: Any) -> CLIPTextModel:
    """An untrained text encoder for that tokenizer."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        projection_dim=WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


class Captions:
    """Every caption of the world, numbered and tokenized; number 0 is the empty caption."""

    def __init__(self, tokenizer: Any) -> None:
        self.lines = ["", *corpus()]
        self.number = {line: i for i, line in enumerate(self.lines)}
        out = tokenizer(self.lines, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt")
        self.tokens: Tensor = out.input_ids
        ends = self.tokens.eq(tokenizer.eos_token_id).any(-1)
        assert bool(ends.all()), "a caption is longer than the tokenizer's length"


@dataclass(frozen=True)
class Telling:
    """Captions of a clip's frames: ``(1 - weight) * low + weight * high``, each ``(F,)``, numbers of `Captions`."""

    low: np.ndarray
    high: np.ndarray
    weight: np.ndarray


def tell(clip: Clip, rng: np.random.Generator, captions: Captions, at_once: bool = True) -> Telling:
    """Choose the captions of a clip.

    A change between two keys is told by one caption in about half of the cases ("from winter to autumn"); everything else by
    the captions of the two neighbouring keys, interpolated by the stage of each frame, or of the whole clip at once. Without
    ``at_once`` a change between two keys is told so, too.
    """
    family = families()[clip.family]
    frames = len(clip.stages)
    if at_once and clip.change is not None:
        first, last = clip.change
        said = change_captions(family, family.key(first), family.key(last), clip.colour, clip.camera)
        one = np.full(frames, captions.number[said[int(rng.integers(len(said)))]])
        return Telling(one, one, np.zeros(frames))
    stages = clip.stages if rng.random() < 0.75 else np.full(frames, clip.stages.mean())
    build = int(rng.integers(len(family.keys[0].captions))) if rng.random() < 0.7 else 0
    spread = float(np.ptp(stages))
    low, high, weight = _neighbours(family, stages)
    if spread < 0.06 and abs(weight.mean() - 0.5) < 0.15 and np.ptp(low) == 0 and rng.random() < 0.4:
        a, b = family.keys[low[0]], family.keys[high[0]]
        one = np.full(frames, captions.number[between_caption(family, a, b, clip.colour, clip.camera)])
        return Telling(one, one, np.zeros(frames))
    numbers = [captions.number[key_captions(family, key, clip.colour, clip.camera)[build]] for key in family.keys]
    table = np.array(numbers)
    return Telling(table[low], table[high], weight)


def _neighbours(family: Family, stages: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keys below and above each stage, and the way from one to the other."""
    at = np.array([key.at for key in family.keys] + ([1.0] if family.cyclic else []))
    s = stages % 1.0 if family.cyclic else np.clip(stages, 0, 1)
    low = np.clip(np.searchsorted(at, s, side="right") - 1, 0, len(at) - 2)
    weight = (s - at[low]) / (at[low + 1] - at[low])
    return low, (low + 1) % len(family.keys), weight


def embed(encoder: CLIPTextModel, captions: Captions, low: Tensor, high: Tensor, weight: Tensor) -> Tensor:
    """Embeddings of tellings: ``(B, F)`` each in, ``(B * F, tokens, dim)`` out."""
    wanted, place = torch.unique(torch.stack([low, high]), return_inverse=True)
    table = encoder(input_ids=captions.tokens[wanted]).last_hidden_state
    share = weight.flatten()[:, None, None]
    return torch.lerp(table[place[0].flatten()], table[place[1].flatten()], share)


@torch.no_grad()
def caption_table(encoder: CLIPTextModel, captions: Captions) -> Tensor:
    """The embedding of every caption, ``(captions, tokens, dim)``, float32."""
    return torch.cat([encoder(input_ids=part).last_hidden_state.float() for part in captions.tokens.split(256)])


def look_up(table: Tensor, low: Tensor, high: Tensor, weight: Tensor) -> Tensor:
    """`embed` with a `caption_table`."""
    low, high, weight = (part.flatten() for part in (low, high, weight))
    return torch.lerp(table[low], table[high], weight[:, None, None])
