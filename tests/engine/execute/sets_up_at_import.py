"""A library that sets something up when it is imported, in each way Python offers to undo it at the end."""

import atexit
import shutil
import tempfile
from multiprocessing import util
from pathlib import Path


def _directory():
    return Path(tempfile.mkdtemp(prefix="sets_up_at_import"))


BY_ATEXIT, BY_MULTIPROCESSING = _directory(), _directory()
atexit.register(shutil.rmtree, BY_ATEXIT)
util.Finalize(None, shutil.rmtree, (BY_MULTIPROCESSING,), exitpriority=1)
_object = tempfile.TemporaryDirectory(prefix="sets_up_at_import")
DIRECTORIES = [BY_ATEXIT, BY_MULTIPROCESSING, Path(_object.name)]
