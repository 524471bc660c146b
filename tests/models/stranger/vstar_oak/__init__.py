"""A plugin that brings a model with an attention class of its own. No torch here."""

from vstar_sdk import Clock, Estimate, Facts, ModelOptions, Register, RegisterFamily, Rhythm, SiteAddress, Workload, hookimpl

RHYTHM = Rhythm.causal(2)
BLOCKS, HEADS, HEAD_DIM = 2, 2, 8


def sites():
    """Both attentions, which are over all tokens of a clip."""
    return tuple(SiteAddress(f"trunk.{i}.ring", "stack", 0, HEADS, HEAD_DIM, kind="joint", index=i) for i in range(BLOCKS))


class OakOptions(ModelOptions):
    """Options of the oak."""

    seed: int = 0
    """Of its random weights."""


class Oak:
    """The model before it is loaded."""

    def __init__(self, options: OakOptions) -> None:
        self.options = options

    def facts(self) -> Facts:
        """What is known of it."""
        return Facts(
            name="oak",
            sites=sites(),
            frames=5,
            width=16,
            height=16,
            size_multiple=4,
            rhythm=RHYTHM,
            fps=8.0,
            steps=3,
            guidance=3.0,
            eta=0.0,
            scheduler="ddim",
            scheduler_config={"num_train_timesteps": 1000, "clip_sample": False},
        )

    def load(self, device, dtype):
        """Load it."""
        from vstar_oak.network import load

        return load(self.facts(), self.options, device, dtype)

    def estimate(self, workload: Workload) -> Estimate:
        """What it takes."""
        tokens = Clock(workload.frames, 8.0, RHYTHM).latents * workload.width * workload.height // 16
        return Estimate(
            weights={"denoiser": 10_000}, call_flops=tokens**2, call_bytes=64 * tokens, decode_flops=1, decode_bytes=1
        )


@hookimpl
def register_models(register: Register) -> None:
    """Offer the model."""
    register("tree", options=OakOptions, factory=Oak, summary="A tree.")


@hookimpl
def register_families(register: RegisterFamily) -> None:
    """Offer its family."""
    register("OakTransformer", family="vstar_oak.network:OAK")
