"""The brains that models can be compared with: named data sets, and what makes one of a user's own recordings.

A new data set is one file here and one decorator, or an entry point ``consilience.brains`` of another package.
"""

from consilience.connectors.brains.alice import volumes_of_words
from consilience.connectors.brains.arrays import of_trials
from consilience.connectors.brains.bids import of_bids
from consilience.connectors.brains.blocks import block_means
from consilience.connectors.brains.dataset import Brains, Written
from consilience.connectors.brains.epochs import of_epochs, read_epochs
from consilience.connectors.brains.events import within_scan
from consilience.connectors.brains.glm import trial_betas
from consilience.connectors.brains.hrf import to_volumes
from consilience.connectors.brains.interfaces import Excluded, Region, Subject
from consilience.connectors.brains.rdms import as_rdm, read_rdm
from consilience.connectors.brains.readers import Atlas, Masks, PerSubject, Spheres
from consilience.connectors.brains.registry import brains, open_brains, register
from consilience.connectors.brains.surface_files import SurfaceReader
from consilience.connectors.brains.surfaces import in_surface_atlas, on_surface
from consilience.connectors.brains.together import of_subjects
from consilience.connectors.brains.volumes import in_atlas, in_mask, in_parcels, in_spheres

__all__ = [
    "Atlas",
    "Brains",
    "Excluded",
    "Masks",
    "PerSubject",
    "Region",
    "Spheres",
    "Subject",
    "SurfaceReader",
    "Written",
    "as_rdm",
    "block_means",
    "brains",
    "in_atlas",
    "in_mask",
    "in_parcels",
    "in_spheres",
    "in_surface_atlas",
    "of_bids",
    "of_epochs",
    "of_subjects",
    "of_trials",
    "on_surface",
    "open_brains",
    "read_epochs",
    "read_rdm",
    "register",
    "to_volumes",
    "trial_betas",
    "volumes_of_words",
    "within_scan",
]
