"""IDX files, the format of MNIST and its successors, plain or gzipped.

Two zero bytes, a type, the number of dimensions, each size as a big-endian 32-bit integer, then
the values in row-major order.

Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from ravine.core.errors import BadData

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_REMEDY = "Fetch it again."


def read_idx(path: Path) -> NDArray[Any]:
    """The array in an IDX file, in the machine's byte order.

    Raises:
        BadData: Not an IDX file, shorter or longer than its header says, or damaged gzip.
    """
    try:
        with _opened(path) as file:
            kind, shape = _header(path, file)
            size = math.prod(shape) * kind.itemsize
            # One byte more than promised shows a file that is too long, and no more than that is ever unpacked.
            data = file.read(size + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadData(f"{path}: damaged gzip file ({error}). {_REMEDY}") from None
    except OSError as error:
        raise BadData(f"{path}: cannot be read ({error.strerror or error}).") from None
    except (MemoryError, OverflowError):
        raise BadData(f"{path}: its header promises {shape} values, more than memory holds. {_REMEDY}") from None
    if len(data) != size:
        fault = f"ends after {len(data)} of" if len(data) < size else "goes on after"
        raise BadData(f"{path}: {fault} the {size} bytes its header promises for shape {shape}. {_REMEDY}")
    return np.frombuffer(data, kind).reshape(shape).astype(kind.newbyteorder("="), copy=False)


def is_idx_name(name: str) -> bool:
    """Whether a file name is one that MNIST-like sets use.

    >>> is_idx_name("train-images-idx3-ubyte.gz")
    True
    """
    stem = name.removesuffix(".gz")
    return stem.endswith(("-ubyte", ".idx")) or "-idx" in stem or ".idx" in stem


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path, "rb")) if zipped else path.open("rb")


def _header(path: Path, file: IO[bytes]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        raise BadData(
            f"{path}: not an IDX file; it must begin with 00 00, a type of 08, 09, 0B … 0E and a number of "
            f"dimensions; got {magic.hex(' ') or 'nothing'}. {_REMEDY}"
        )
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise BadData(f"{path}: ends inside its header. {_REMEDY}")
    return np.dtype(_TYPES[magic[2]]), struct.unpack(f">{magic[3]}I", sizes)
