"""Take files out of archives. What is taken out is whole or not there, and lands nowhere else."""

import gzip
import lzma
import shutil
import tarfile
import uuid
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from ddpm.errors import DataError
from ddpm.progress import Progress

_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    gzip.BadGzipFile,
    lzma.LZMAError,
    EOFError,
    KeyError,
)


def unpack_folder(archive: Path, folder: Path, progress: Progress) -> None:
    """Make ``folder`` from the regular files in a tar archive that lie below a folder of its name.

    ``progress`` counts files. Raises DataError where the archive is damaged or holds no such folder.
    """
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
    try:
        count = 0
        with tarfile.open(archive) as contents:
            for member in contents:
                inside = PurePosixPath(member.name)
                # Links and devices are passed over, and so is what would climb out of the folder.
                if not member.isfile() or ".." in inside.parts or inside.parts[0] != folder.name:
                    continue
                below = inside.parts[1:]
                if below and (source := contents.extractfile(member)):
                    _copy(source, temporary.joinpath(*below))
                    count += 1
                    progress(f"unpacking {archive.name}", count, 0)
        if not count:
            raise DataError(
                f"The archive {archive} holds no folder {folder.name}. Delete it and get it again."
            )
        temporary.replace(folder)
    except (*_BROKEN, OSError) as error:
        raise _cannot(archive, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def unpack_members(archive: Path, targets: Mapping[str, Path]) -> None:
    """Take some files out of a zip archive, each to its place, in this order. Raises DataError as above."""
    try:
        with zipfile.ZipFile(archive) as contents:
            for name, target in targets.items():
                temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
                try:
                    with contents.open(name) as source:
                        _copy(source, temporary)
                    temporary.replace(target)
                finally:
                    temporary.unlink(missing_ok=True)
    except (*_BROKEN, OSError) as error:
        raise _cannot(archive, error) from None


def _copy(source: IO[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        shutil.copyfileobj(source, file)


def _cannot(archive: Path, error: Exception) -> DataError:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return DataError(f"Cannot unpack {archive}: {reason}. If it is damaged, delete it and get it again.")
