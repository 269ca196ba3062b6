"""What each kind of pass costs: operations, bytes read, memory, and seconds on a machine of a given speed.

- ``work``     what a metric declares of its own
- ``size``     what decides it, and a step of a plan
- ``tiles``    a sweep over tiles
- ``moments``  moments, and what is made of them
- ``apart``    batches, classes, unions of neighbours, whole matrices
- ``brains``   encoding models, alignment and reliability
"""
