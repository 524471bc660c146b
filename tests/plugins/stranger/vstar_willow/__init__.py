"""What somebody wrote who had docs/hooks.md and nothing else."""

from pathlib import Path

from vstar_sdk import ArtifactOptions, ModelOptions, Options, RegularizerOptions, hookimpl
from vstar_sdk.options import Address, Duration, EnvName


class HorizonOptions(RegularizerOptions):
    """Nothing further away than the horizon is seen."""

    reach: Duration = "50%"
    """How far a frame sees."""


class LetterOptions(Options):
    """A service that answers by letter."""

    address: Address
    """Where letters go."""
    stamp_env: EnvName = "WILLOW_STAMP"
    """Name of the environment variable with the stamp."""


class GrovesOptions(ModelOptions):
    """A model in a folder."""

    folder: Path
    """In diffusers format."""


class ColoursOptions(ArtifactOptions):
    """The mean colour of every frame."""

    suffix = ".txt"
    path: str = "colours.txt"
    """Name of the file."""
    digits: int = 0
    """After the point."""


@hookimpl
def register_regularizers(register):
    register("horizon", options=HorizonOptions, factory="vstar_willow.horizon:Horizon", summary="Only near frames are seen.")


@hookimpl
def register_templates(register):
    register("letter", Path(__file__).parent / "letter.jinja")


@hookimpl
def register_llm_backends(register):
    register("letters", options=LetterOptions, factory="vstar_willow.letters:Letters", summary="Answers by letter.")


@hookimpl
def register_models(register):
    register("groves", options=GrovesOptions, factory="vstar_willow.groves:groves", summary="A small model in a folder.")


@hookimpl
def register_exporters(register):
    register("colours", options=ColoursOptions, factory="vstar_willow.colours:Colours", summary="Mean colours as text.")
