"""FID and KID between sets of pictures, on features that give the figure its name."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance
from torchmetrics.utilities import dim_zero_cat


class _Passthrough(nn.Identity):
    """Stands in for the extractor where the features are there already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


class FeatureDistance(Metric):
    """FID and KID between the features of two sets of pictures.

    FID is biased upwards for few pictures; so its n and KID, which is not biased, always come with it. The features of
    every picture are kept (5 kB a picture for 1,280 features).

    Args:
        name: of the extractor, such as "efficientnet-lite0"; see `linecolor.networks.distance_features`.
        num_features: of a picture.
        subset_size: pictures in each of KID's random subsets, at most; a smaller set is compared as a whole.
        subsets: how many such subsets are averaged.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    real_features: list[Tensor]
    generated_features: list[Tensor]

    def __init__(self, name: str, num_features: int, subset_size: int = 1000, subsets: int = 100) -> None:
        super().__init__()
        self.num_features = num_features
        # Plain "fid" belongs to the Inception network of the literature alone.
        self.suffix = "" if name == "inception" else "_" + name.replace("-", "_")
        self.subset_size = subset_size
        self.subsets = subsets
        self.add_state("real_features", [], dist_reduce_fx="cat")
        self.add_state("generated_features", [], dist_reduce_fx="cat")

    @classmethod
    def of(cls, extractor: nn.Module) -> "FeatureDistance":
        """A distance under the name of an extractor, a module with `name` and `num_features`."""
        return cls(extractor.name, extractor.num_features)  # type: ignore[arg-type]

    def update(self, features: Tensor, real: bool) -> None:
        """Add (B, num_features) of pictures to the real set or to the generated one; ValueError for other shapes."""
        if features.shape != (len(features), self.num_features):
            promised = f"the extractor promised {self.num_features} features a picture"
            raise ValueError(f"{promised}, gave {tuple(features.shape)}")
        # Flat, because a rank without pictures takes part in the gathering with a placeholder of one dimension.
        (self.real_features if real else self.generated_features).append(features.float().flatten())

    def compute(self) -> dict[str, float]:
        """Distances between the two sets of all ranks.

        Returns:
            fid_EXTRACTOR and kid_EXTRACTOR (`fid` and `kid` for Inception), n (generated pictures) and n_real.

        Raises:
            ValueError: a set has fewer than two pictures.
        """
        real, generated = self._set(self.real_features), self._set(self.generated_features)
        smaller = min(len(real), len(generated))
        if smaller < 2:
            got = f"got {len(real)} real and {len(generated)} generated"
            raise ValueError(f"FID and KID need at least 2 pictures in each set, {got}")
        size = min(self.subset_size, smaller)
        # A subset that is the whole of both sets is always the same one.
        subsets = 1 if len(real) == len(generated) == size else self.subsets
        together = torch.cat([real, generated])
        if len(together) < self.num_features:
            # Distances do not change with the axes: those that few pictures span spare most of FID's eigenvalues.
            axes = torch.linalg.qr(together.T).Q
            pair = real @ axes, generated @ axes
        else:
            pair = real, generated
        fid = FrechetInceptionDistance(feature=_Passthrough(pair[0].shape[1]), sync_on_compute=False).to(self.device)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*will save all extracted features in buffer.*")
            options: dict[str, Any] = {"subsets": subsets, "subset_size": size, "sync_on_compute": False}
            kid = KernelInceptionDistance(feature=_Passthrough(self.num_features), **options).to(self.device)
        # KID shuffles with the global generator: fixed, so that the figure repeats, and put back, so that
        # measuring does not change how training goes on.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            for metric, features in ((fid, pair), (kid, (real, generated))):
                metric.update(features[0], real=True)
                metric.update(features[1], real=False)
            fid_value, kid_value = fid.compute().item(), kid.compute()[0].item()
        distances = {f"fid{self.suffix}": fid_value, f"kid{self.suffix}": kid_value}
        return {**distances, "n": len(generated), "n_real": len(real)}

    def _set(self, features: list[Tensor]) -> Tensor:
        flat = dim_zero_cat(features) if len(features) else torch.empty(0, device=self.device)
        return flat.double().reshape(-1, self.num_features)
