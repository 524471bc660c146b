"""The UNet3D family: ModelScope, ZeroScope and their kin."""
