"""Diffusion models in pipeline folders of `diffusers`: what their blocks hold of a picture with noise on it.

- ``folders``    the parts of a pipeline: where each lies, and what its configuration says
- ``denoisers``  the kinds of network that are known: their layers, and what they take beside the picture
- ``pipeline``   the parts of a pipeline together, refused where features cannot come from them
- ``noising``    a picture as pixels, and its noise
- ``adapter``    the model
"""

from consilience.connectors.models.diffusion.adapter import Diffusion

__all__ = ["Diffusion"]
