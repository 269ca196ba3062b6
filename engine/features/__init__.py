"""Feature tables: Arrow files of samples by units, one column a layer, immutable and content-addressed.

- ``schema``      digest, Arrow schema, what is accepted as ids and as features
- ``statistics``  finite rows and spread, found while writing
- ``location``    a folder, or a place in an object store (``objects``, ``fetched`` into a local cache)
- ``disk``        atomic files, and a disk's errors in words
- ``checksum``    of a part, at memory speed
- ``parts``       one part: written, mapped
- ``receipts``    what the parts of an unfinished table hold
- ``manifest``    the JSON that makes a folder of parts a table
- ``writer``      a table written part by part, from many processes, resumed
- ``lease``       two drivers on one table, one after the other
- ``damage``      damaged parts found, and taken out to be made again
- ``table``       a table read; ``gather`` its rows, ``lazy`` as Dask and xarray, ``html`` in a notebook
- ``store``       the folder of tables; ``arrays`` a user's own arrays written into it
- ``importing``   tables from users' own ``files``, and the ``layouts`` of other packages
- ``rdm``         dissimilarities in place of features
- ``representation``  what the passes read: one layer wherever it is kept; ``representations`` of what a user gives,
                  which are ``finite``, the ``same`` on both sides or not, and ``join``ed on the samples in common
"""

from consilience.engine.features.importing import import_files
from consilience.engine.features.rdm import RDM
from consilience.engine.features.store import FeatureStore, RowsRejected
from consilience.engine.features.table import FeatureTable

__all__ = ["RDM", "FeatureStore", "FeatureTable", "RowsRejected", "import_files"]
