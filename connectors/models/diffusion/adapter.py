"""A diffusion model: what the blocks of its network hold of a picture on which there is noise of one timestep."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.connectors.files import sha256
from consilience.connectors.models.diffusion.folders import IGNORED, SETTINGS, WEIGHTS, Part, parameters
from consilience.connectors.models.diffusion.noising import noise_of, pixels_of
from consilience.connectors.models.diffusion.pipeline import Pipeline
from consilience.connectors.models.hooks import watching
from consilience.connectors.models.huggingface.hub import located
from consilience.connectors.models.registry import register
from consilience.engine.errors import BadInput
from consilience.engine.extraction.interfaces import Layer, ModelCard, NotInstalled, Outputs

if TYPE_CHECKING:
    import numpy as np
    import torch

LOCAL: dict[str, Any] = {"local_files_only": True}


class Diffusion:
    """The network of the pipeline in `folder` (a DiT, or a UNet with or without a text) at `timestep` of its training.

    A picture x, or what the pipeline's variational autoencoder makes of it (the mean), becomes
    √ᾱ x + √(1 - ᾱ) ε, with ᾱ of that timestep in the pipeline's own scheduler and ε standard normal, decided by `seed`
    and the picture. A network that takes a text is given `prompt`, or one of zeros. `named` overrides fields of its
    card.

    Raises BadInput for a folder that is no such pipeline, a timestep that its scheduler does not have, and a `prompt`
    where there is nothing to read it; NotInstalled without `diffusers`.
    """

    def __init__(self, folder: Path, timestep: int, seed: int = 0, prompt: str | None = None, **named: Any):
        if find_spec("diffusers") is None:
            raise NotInstalled(
                "the package diffusers, which reads diffusion models", "not installed",
                "pip install 'consilience[diffusion]'",
            )  # fmt: skip
        self.pipeline = Pipeline.of(folder.expanduser().absolute())
        self.timestep, self.seed, self.prompt, self._named = timestep, seed, prompt, named
        if not 0 <= timestep < self.pipeline.steps:
            last = self.pipeline.steps - 1
            raise BadInput(f"`timestep` from 0 to {last}, of the scheduler", str(timestep), "correct it")
        if seed < 0:
            raise BadInput("`seed` of 0 or more", str(seed), "correct it")
        if prompt is not None and not self.pipeline.reads:
            raise BadInput(
                f"`prompt` for a network with a text, and its tokenizer and text_encoder in {folder}",
                repr(prompt), "leave it out",
            )  # fmt: skip
        self._wanted = [layer.name for layer in self.layers()]

    @cached_property
    def card(self) -> ModelCard:
        pipeline, side = self.pipeline, self.pipeline.pixels[0]
        parts = [pipeline.net, pipeline.vae, None if self.prompt is None else pipeline.encoder]
        files = [file for part in parts if part for file in part.weights]
        given = "no condition" if self.prompt is None else f"the prompt {self.prompt!r}"
        betas = {key: value for key, value in sorted(pipeline.scheduler.config.items()) if "beta" in key}
        schedule = ", ".join(f"{key} {value}" for key, value in betas.items() if value)
        fields = {
            "name": pipeline.folder.name,
            "modality": "image",
            "revision": pipeline.net.kind,
            "weights_hash": sha256(files),
            "preprocessing": f"{side} x {side} from the middle, from -1 to 1"
            f"{', the mean of its VAE' if pipeline.vae else ''}; noise of timestep {self.timestep} of {pipeline.steps} "
            f"({schedule}), decided by seed {self.seed} and the picture; {given}",
            "objective": "diffusion",
            "parameters": parameters(files),
            "licence": "not stated",
            "citation": "not stated",
            **self._named,
        }
        seed = f"-seed{self.seed}" if self.seed else ""
        return ModelCard(**{**fields, "name": f"{fields['name']}-t{self.timestep}{seed}"})

    def layers(self) -> Sequence[Layer]:
        return self.pipeline.kind.layers(self.pipeline.net.config)

    def positions(self) -> Mapping[str, int]:
        return self.pipeline.kind.positions(self.pipeline.net.config)

    def only(self, names: Sequence[str]) -> None:
        """Keep no outputs but those of these layers."""
        self._wanted = list(names)

    def load(self, device: str) -> None:
        import diffusers
        import torch

        diffusers.utils.logging.set_verbosity_error()
        diffusers.utils.logging.disable_progress_bar()
        net, vae = self.pipeline.net, self.pipeline.vae
        kind = "DiTTransformer2DModel" if net.kind == "Transformer2DModel" else net.kind
        self._net = _loaded(getattr(diffusers, kind), net, device)
        self._vae = _loaded(diffusers.AutoencoderKL, vae, device) if vae else None
        # Other schedulers with the same betas write the same noisy picture in other units.
        self._noising = diffusers.DDPMScheduler.from_config(dict(self.pipeline.scheduler.config))
        self._device, self._said = device, None
        if self.prompt is not None:
            with torch.inference_mode():
                self._said = _encoded(self.prompt, self.pipeline.folder)

    def preprocess(self, item: Any) -> "tuple[np.ndarray, np.ndarray]":
        """A picture -> its pixels, and the noise that is added to it."""
        pixels = pixels_of(item, *self.pipeline.pixels)
        return pixels, noise_of(pixels, self.seed, self.pipeline.latent)

    def forward(self, batch: "Sequence[tuple[np.ndarray, np.ndarray]]") -> Outputs:
        import numpy as np
        import torch

        pixels, noise = (torch.from_numpy(np.stack(x)).to(self._device) for x in zip(*batch))
        steps = torch.full((len(batch),), self.timestep, device=self._device)
        noisy = self._noising.add_noise(self._encode(pixels), noise, steps)
        more = self.pipeline.kind.beside(self.pipeline.net.config, len(batch), self._device, self._said)
        with watching(self._net, self._wanted) as seen:
            self._net(noisy, timestep=steps, **more)
        return Outputs({name: seen[name] for name in self._wanted})

    def _encode(self, pixels: "torch.Tensor") -> "torch.Tensor":
        """What noise is added to: the pixels, or the mean of what the VAE makes of them, in its units."""
        if self._vae is None:
            return pixels
        config = self._vae.config
        latents: torch.Tensor = self._vae.encode(pixels).latent_dist.mean
        return (latents - (config.shift_factor or 0.0)) * config.scaling_factor


def _loaded(kind: Any, part: Part, device: str) -> Any:
    import torch

    safe = all(file.suffix == ".safetensors" for file in part.weights)
    found = kind.from_pretrained(part.folder, torch_dtype=torch.float32, use_safetensors=safe, **LOCAL)
    return found.eval().to(device)


def _encoded(prompt: str, folder: Path) -> "torch.Tensor":
    """(token, unit): the prompt as the pipeline's text encoder has it."""
    import torch
    import transformers

    tokenizer, encoder = (folder / name for name in ("tokenizer", "text_encoder"))
    read = transformers.AutoTokenizer.from_pretrained(tokenizer, trust_remote_code=False, **LOCAL)
    net = transformers.CLIPTextModel.from_pretrained(encoder, dtype=torch.float32, weights_only=True, **LOCAL)
    most = net.config.max_position_embeddings
    ids = read(prompt, padding="max_length", max_length=most, truncation=True, return_tensors="pt").input_ids
    states: torch.Tensor = net.eval()(ids)[0][0]
    return states


@register(
    "diffusion:NAME_OR_FOLDER",
    "every block of the DiT or UNet of a diffusers pipeline, at the timestep of the option timestep: "
    "diffusion:facebook/DiT-XL-2-256, diffusion:/models/ddpm",
)
def _named(argument: str, *, timestep: int, seed: int = 0, prompt: str | None = None) -> Diffusion:
    folder, about = located(argument, SETTINGS, WEIGHTS, IGNORED)
    return Diffusion(folder, timestep, seed, prompt, **about)
