"""The networks of the embedded model, in PyTorch alone.

They compute what diffusers' ``UNet3DConditionModel`` and ``AutoencoderKL`` and transformers' ``CLIPTextModel`` compute from the
same files, bit for bit, and have the same names of weights. Importing those three takes longer than a short run samples: with
them come all models of diffusers, `torch._dynamo` and whatever optional packages are installed.
"""
