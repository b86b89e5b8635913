"""A stage in which a generator is trained against a second network."""

from torch import nn

from lightning_modules.stages.training_stage import StageSettings, TrainingStage


class AdversarialStage(TrainingStage):
    """A generator and its discriminator, or critic, each with an Adam and a schedule of its own.

    Args:
        generator: the network the stage trains.
        discriminator: judges what it makes.
        weights: of the losses' terms.
        settings: how the stage steps.
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, weights: dict[str, float], settings: StageSettings
    ) -> None:
        super().__init__(generator, settings)
        self.discriminator = discriminator
        self.weights = weights

    def trained_networks(self) -> dict[str, nn.Module]:
        """Generator and discriminator."""
        return {"generator": self.generator, "discriminator": self.discriminator}
