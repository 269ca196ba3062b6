"""Questions that a study may ask, and their answers: in words, with a test, from its score table.

- ``layers``      where do two modalities agree best, and how sure is that place?
- ``scale``       does alignment rise with the size of models of a family, and more than that of random twins?
- ``stitching``   does an affine map carry one modality to the other, item by item and class by class?
- ``objectives``  do models of one objective see alike, and is who agrees with whom the same on other stimuli?
- ``depth``       do modalities converge with depth?

Each is a module with an ``answer`` of a `Zoo`, and its ``METHOD`` in words. What they share: `over_models`, for pairs
that have a model in common are not independent; `contrasts`, for scores that have samples in common are not either.
"""
