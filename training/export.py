"""Writes the trained parts as a directory that ``DiffusionPipeline.from_pretrained`` loads.

``python -m training.export RUN DIR`` does so with the newest checkpoint of a run, also while it is training.
"""

import argparse
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from transformers import CLIPTokenizer

from training.denoiser import Denoiser
from training.text import Captions, new_text_encoder
from training.unet import new_scheduler, new_unet


def export(folder: Path, vae: AutoencoderKL, model: Denoiser, tokenizer: CLIPTokenizer, small: bool = False) -> None:
    """Write ``model_index.json`` and the parts, weights in float16.

    Args:
        folder: made if absent; files of an earlier export are replaced.
        vae: with its standardisation folded in.
        model: the averaged denoiser; patches of its training are left behind, weights alone are taken.
        tokenizer: the tokenizer.
        small: whether the parts have the sizes of a smoke run.
    """
    unet, text = new_unet(small), new_text_encoder(tokenizer)
    unet.load_state_dict(model.unet.state_dict())
    text.load_state_dict(model.text.state_dict())
    build: Any = getattr(diffusers, "TextToVideoSDPipeline")  # noqa: B009
    pipeline = build(vae=_half(vae), text_encoder=_half(text), tokenizer=tokenizer, unet=_half(unet), scheduler=new_scheduler())
    pipeline.save_pretrained(folder, safe_serialization=True)


def _half(model: Any) -> Any:
    return model.to(torch.float16).eval()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("folder", type=Path, help="where the pipeline goes")
    args = parser.parse_args()
    newest = next(path for name in ("long", "clips", "short", "single") if (path := args.run / f"{name}.pt").exists())
    state = torch.load(newest, weights_only=True)
    tokenizer = CLIPTokenizer.from_pretrained(args.run / "tokenizer")
    model = Denoiser(new_unet(), new_text_encoder(tokenizer), Captions(tokenizer))
    model.load_state_dict(state["slow"])
    vae = AutoencoderKL.from_pretrained(args.run / "vae")
    export(args.folder, vae, model, tokenizer)
    print(f"{newest}: step {state['step']} after {state['spent']:.0f} s")


if __name__ == "__main__":
    main()
