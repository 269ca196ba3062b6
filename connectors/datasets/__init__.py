"""The files of named data sets, which brains and stimuli both read: where they are published, what is in them."""
