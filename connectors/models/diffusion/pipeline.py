"""The pipeline in a folder: its network, its noise, and what a picture is made into, settled before it is loaded."""

from dataclasses import dataclass
from pathlib import Path

from consilience.connectors.models.diffusion.denoisers import Denoiser, denoiser
from consilience.connectors.models.diffusion.folders import Part, parts_of
from consilience.engine.errors import BadInput


@dataclass(frozen=True)
class Pipeline:
    """The parts of a pipeline that features come from; `vae` and `encoder` (of texts) may be none."""

    folder: Path
    net: Part
    kind: Denoiser
    scheduler: Part
    vae: Part | None
    encoder: Part | None

    @classmethod
    def of(cls, folder: Path) -> "Pipeline":
        """That in `folder`. Raises BadInput for what is none, or not of a kind that is known."""
        parts = parts_of(folder)
        net = _one_of(folder, parts, "unet", "transformer")
        found = cls(
            folder, net, denoiser(net.kind, net.config, str(folder)), _one_of(folder, parts, "scheduler"),
            parts.get("vae"), parts.get("text_encoder"),
        )  # fmt: skip
        found._refuse()
        return found

    @property
    def latent(self) -> tuple[int, int, int]:
        """The shape of what noise is added to: channels, height, width."""
        side = int(self.net.config["sample_size"])
        return int(self.net.config["in_channels"]), side, side

    @property
    def pixels(self) -> tuple[int, int]:
        """The side of pictures, and their channels."""
        channels, side, _ = self.latent
        if self.vae is None:
            return side, channels
        return side * 2 ** (len(self.vae.config["block_out_channels"]) - 1), int(
            self.vae.config["in_channels"]
        )

    @property
    def reads(self) -> bool:
        """Whether it has what a prompt is read by, and a network that takes one."""
        return self.kind.prompted and self.encoder is not None and (self.folder / "tokenizer").is_dir()

    @property
    def steps(self) -> int:
        """How many timesteps its training had."""
        return int(self.scheduler.config.get("num_train_timesteps", 1000))

    def _refuse(self) -> None:
        config, betas = self.net.config, "beta_schedule" in self.scheduler.config
        if not betas:
            raise BadInput(
                f"a scheduler with a schedule of betas in {self.folder}", self.scheduler.kind,
                "choose a model that was trained with one (DDPM, DDIM, PNDM, Euler, DPM-Solver, ...)",
            )  # fmt: skip
        if not isinstance(config.get("sample_size"), int):
            raise BadInput(
                f"`sample_size` as one number in {self.net.folder / 'config.json'}", repr(config.get("sample_size")),
                "write there the side of the pictures that it was trained on (of their latents, with a VAE)",
            )  # fmt: skip
        channels = config["in_channels"]
        if self.vae is None and channels not in (1, 3):
            raise BadInput(
                f"pictures of 1 or 3 channels, or a VAE in {self.folder}", f"{channels} channels and none",
                "save the whole pipeline there",
            )  # fmt: skip
        if self.vae is not None and self.vae.kind != "AutoencoderKL":
            raise BadInput(f"an AutoencoderKL in {self.folder}", self.vae.kind, "choose another model")
        if self.vae is not None and self.vae.config["latent_channels"] != channels:
            raise BadInput(
                f"a network that takes the {self.vae.config['latent_channels']} channels of its VAE",
                f"{channels} channels, some of them for more than a picture", "choose another model",
            )  # fmt: skip


def _one_of(folder: Path, parts: dict[str, Part], *names: str) -> Part:
    for name in names:
        if name in parts:
            return parts[name]
    raise BadInput(
        f"a {' or '.join(names)} in the pipeline {folder}", ", ".join(parts) or "no part at all",
        "save the whole pipeline there",
    )  # fmt: skip
