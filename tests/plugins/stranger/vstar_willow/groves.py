from vstar_sdk import UNet3DSource


def groves(options):
    return UNet3DSource(directory=options.folder, name="groves", frames=8, fps=8.0, steps=4, guidance=3.0)
