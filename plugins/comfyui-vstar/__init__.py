"""What ComfyUI loads where this folder stands in its ``custom_nodes``."""  # noqa: N999  (ComfyUI goes by the path)

from .vstar_comfyui import comfy_entrypoint as comfy_entrypoint
