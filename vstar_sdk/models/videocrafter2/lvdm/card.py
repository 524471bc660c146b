"""The model card of a converted directory."""

from __future__ import annotations

import importlib.metadata

_CARD = """\
---
library_name: vstar-sdk
pipeline_tag: text-to-video
---

# VideoCrafter2, converted

Text-to-video at 512x320, 16 frames natively, by the authors of VideoCrafter (https://ailab-cvc.github.io/videocrafter2/).
Converted by `vstar convert videocrafter2` (vstar-sdk {version}) to the formats of diffusers and transformers. Nothing was
trained or rounded.

| | |
|---|---|
| checkpoint | `{file}` |
| its SHA-256 | `{sha256}` |
| tokenizer | `{tokenizer}` |

The weights stay under the licence and the terms of use of their authors: read them where the checkpoint came from.

```yaml
model: {{use: videocrafter2, path: ./this-folder}}
```

- `fps_embedding` holds the layers that embed the frames a second; `vstar_sdk` adds their output to the timestep's embedding,
  for any `conditioning_fps`. diffusers alone does not know them, nor the scheduler (DDIM with a signal scale): a
  `DiffusionPipeline` of this directory cannot be loaded, so that it cannot make wrong pictures.
- `text_encoder` is OpenCLIP's ViT-H/14 without its last layer, which VideoCrafter2 does not use.
"""


def card(file: str, sha256: str, tokenizer: str) -> str:
    """README.md of a converted directory.

    Args:
        file: name of the checkpoint.
        sha256: of it.
        tokenizer: where the tokenizer came from.
    """
    return _CARD.format(version=importlib.metadata.version("vstar-sdk"), file=file, sha256=sha256, tokenizer=tokenizer)
