"""The official layout, written down a second time: names and shapes of a checkpoint, from how the networks are built.

Nothing here reads the conversion's own tables. The UNet is walked as it runs, with the stack of skip connections giving the
widths; names are those of the recording in ``tests/golden`` (which a test holds against this file, name by name and shape by
shape) and of the published layouts of latent diffusion and OpenCLIP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Shapes = dict[str, tuple[int, ...]]


def layer(name: str, *shape: int, bias: bool = True) -> Shapes:
    return {f"{name}.weight": shape} | ({f"{name}.bias": shape[:1]} if bias else {})


def residual(name: str, into: int, out: int, embedding: int) -> Shapes:
    found = layer(f"{name}.in_layers.0", into) | layer(f"{name}.in_layers.2", out, into, 3, 3)
    found |= layer(f"{name}.emb_layers.1", out, embedding)
    found |= layer(f"{name}.out_layers.0", out) | layer(f"{name}.out_layers.3", out, out, 3, 3)
    if into != out:
        found |= layer(f"{name}.skip_connection", out, into, 1, 1)
    for number, convolution in ((1, 2), (2, 3), (3, 3), (4, 3)):
        found |= layer(f"{name}.temopral_conv.conv{number}.0", out)
        found |= layer(f"{name}.temopral_conv.conv{number}.{convolution}", out, out, 3, 1, 1)
    return found


def transformer(name: str, width: int, inner: int, context: int, *, convolutions: bool = False) -> Shapes:
    one = (1,) if convolutions else ()
    found = (
        layer(f"{name}.norm", width)
        | layer(f"{name}.proj_in", inner, width, *one)
        | layer(f"{name}.proj_out", width, inner, *one)
    )
    block = f"{name}.transformer_blocks.0"
    for attention, read in (("attn1", inner), ("attn2", context)):
        found |= layer(f"{block}.{attention}.to_q", inner, inner, bias=False)
        found |= layer(f"{block}.{attention}.to_k", inner, read, bias=False)
        found |= layer(f"{block}.{attention}.to_v", inner, read, bias=False)
        found |= layer(f"{block}.{attention}.to_out.0", inner, inner)
    found |= layer(f"{block}.ff.net.0.proj", 8 * inner, inner) | layer(f"{block}.ff.net.2", inner, 4 * inner)
    for number in (1, 2, 3):
        found |= layer(f"{block}.norm{number}", inner)
    return found


def unet(config: Mapping[str, object]) -> Shapes:
    """Names and shapes of the UNet, by the configuration that the official code is built from."""
    first, context, head = (int(str(config[key])) for key in ("model_channels", "context_dim", "num_head_channels"))
    multiples, attended, layers = config["channel_mult"], config["attention_resolutions"], int(str(config["num_res_blocks"]))
    assert isinstance(multiples, Sequence)
    assert isinstance(attended, Sequence)
    embedding = 4 * first
    found: Shapes = {}
    for name in ("time_embed", "fps_embedding"):
        found |= layer(f"{name}.0", embedding, first) | layer(f"{name}.2", embedding, embedding)
    found |= layer("input_blocks.0.0", first, 4, 3, 3)
    found |= transformer("init_attn.0", first, 8 * head, 8 * head, convolutions=True)

    def block(name: str, into: int, out: int, reduction: int) -> int:
        """A residual block with its transformers; how many modules it has."""
        found.update(residual(f"{name}.0", into, out, embedding))
        if reduction not in attended:
            return 1
        found.update(transformer(f"{name}.1", out, out, context) | transformer(f"{name}.2", out, out, out))
        return 3

    width, place, skips, reduction = first, 1, [first], 1
    for level, multiple in enumerate(multiples):
        for _ in range(layers):
            block(f"input_blocks.{place}", width, first * multiple, reduction)
            width, place = first * multiple, place + 1
            skips.append(width)
        if level < len(multiples) - 1:
            found |= layer(f"input_blocks.{place}.0.op", width, width, 3, 3)
            place, reduction = place + 1, 2 * reduction
            skips.append(width)
    found |= residual("middle_block.0", width, width, embedding) | residual("middle_block.3", width, width, embedding)
    found |= transformer("middle_block.1", width, width, context) | transformer("middle_block.2", width, width, width)
    place = 0
    for level, multiple in reversed([*enumerate(multiples)]):
        for number in range(layers + 1):
            modules = block(f"output_blocks.{place}", width + skips.pop(), first * multiple, reduction)
            width = first * multiple
            if number == layers and level > 0:
                found |= layer(f"output_blocks.{place}.{modules}.conv", width, width, 3, 3)
                reduction //= 2
            place += 1
    assert not skips
    return found | layer("out.0", first) | layer("out.2", 4, first, 3, 3)


def vae(widths: Sequence[int], layers: int) -> Shapes:
    """Names and shapes of Stable Diffusion's autoencoder in the layout of latent diffusion."""
    found: Shapes = layer("quant_conv", 8, 8, 1, 1) | layer("post_quant_conv", 4, 4, 1, 1)

    def block(name: str, into: int, out: int) -> None:
        found.update(layer(f"{name}.norm1", into) | layer(f"{name}.conv1", out, into, 3, 3))
        found.update(layer(f"{name}.norm2", out) | layer(f"{name}.conv2", out, out, 3, 3))
        if into != out:
            found.update(layer(f"{name}.nin_shortcut", out, into, 1, 1))

    def middle(name: str, width: int) -> None:
        block(f"{name}.block_1", width, width)
        block(f"{name}.block_2", width, width)
        found.update(layer(f"{name}.attn_1.norm", width))
        for part in ("q", "k", "v", "proj_out"):
            found.update(layer(f"{name}.attn_1.{part}", width, width, 1, 1))

    last = len(widths) - 1
    found |= layer("encoder.conv_in", widths[0], 3, 3, 3) | layer("decoder.conv_in", widths[-1], 4, 3, 3)
    into = widths[0]
    for level, width in enumerate(widths):
        for number in range(layers):
            block(f"encoder.down.{level}.block.{number}", into, width)
            into = width
        if level < last:
            found |= layer(f"encoder.down.{level}.downsample.conv", width, width, 3, 3)
    for level, width in reversed([*enumerate(widths)]):
        for number in range(layers + 1):
            block(f"decoder.up.{level}.block.{number}", into, width)
            into = width
        if level > 0:
            found |= layer(f"decoder.up.{level}.upsample.conv", width, width, 3, 3)
    middle("encoder.mid", widths[-1])
    middle("decoder.mid", widths[-1])
    found |= layer("encoder.norm_out", widths[-1]) | layer("encoder.conv_out", 8, widths[-1], 3, 3)
    return found | layer("decoder.norm_out", widths[0]) | layer("decoder.conv_out", 3, widths[0], 3, 3)


def text(width: int, layers: int, vocabulary: int) -> Shapes:
    """Names and shapes of OpenCLIP's text tower."""
    found: Shapes = {"positional_embedding": (77, width), "text_projection": (width, width), "logit_scale": ()}
    found |= layer("token_embedding", vocabulary, width, bias=False) | layer("ln_final", width)
    for number in range(layers):
        name = f"transformer.resblocks.{number}"
        found |= layer(f"{name}.ln_1", width) | layer(f"{name}.ln_2", width)
        found |= {f"{name}.attn.in_proj_weight": (3 * width, width), f"{name}.attn.in_proj_bias": (3 * width,)}
        found |= layer(f"{name}.attn.out_proj", width, width)
        found |= layer(f"{name}.mlp.c_fc", 4 * width, width) | layer(f"{name}.mlp.c_proj", width, 4 * width)
    return found


def checkpoint(of_unet: Shapes, of_vae: Shapes, of_text: Shapes) -> Shapes:
    """All three under the prefixes that they have in ``model.ckpt``."""
    parts = (("model.diffusion_model.", of_unet), ("first_stage_model.", of_vae), ("cond_stage_model.model.", of_text))
    return {prefix + key: shape for prefix, shapes in parts for key, shape in shapes.items()}


OFFICIAL_UNET = {
    "model_channels": 320,
    "attention_resolutions": [4, 2, 1],
    "num_res_blocks": 2,
    "channel_mult": [1, 2, 4, 4],
    "num_head_channels": 64,
    "context_dim": 1024,
}


def official() -> Shapes:
    """Names and shapes of the released VideoCrafter2."""
    return checkpoint(unet(OFFICIAL_UNET), vae([128, 256, 512, 512], 2), text(1024, 24, 49408))
