"""The files of the named data sets, which brains and stimuli both read: where they are published, and what is in them."""
