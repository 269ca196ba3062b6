"""A zoo of models: its study planned, extracted where the store lacks, compared where it was not, told in words."""
