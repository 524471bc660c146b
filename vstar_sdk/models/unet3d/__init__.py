"""The UNet3D family: ModelScope, ZeroScope and related models."""
