import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ddpm.errors import DataError
from ddpm.sources.idx import idx_shape, read_idx


def idx_bytes(array: np.ndarray, shape: tuple[int, ...] | None = None) -> bytes:
    """The file that holds an array; ``shape`` makes its header lie."""
    shape = array.shape if shape is None else shape
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + array.tobytes()


@pytest.fixture(params=["plain", "gzipped"])
def write(request, tmp_path):
    def write_file(content: bytes) -> Path:
        if request.param == "plain":
            path = tmp_path / "file"
            path.write_bytes(content)
        else:
            path = tmp_path / "file.gz"
            path.write_bytes(gzip.compress(content))
        return path

    return write_file


@given(
    arrays.arrays(np.uint8, arrays.array_shapes(min_dims=3, max_dims=3, min_side=0, max_side=6)),
    st.booleans(),
)
def test_what_is_written_is_read_back(tmp_path_factory, array, gzipped):
    path = tmp_path_factory.mktemp("idx") / ("file.gz" if gzipped else "file")
    path.write_bytes(gzip.compress(idx_bytes(array)) if gzipped else idx_bytes(array))
    assert idx_shape(path, 3) == array.shape
    np.testing.assert_array_equal(read_idx(path, 3), array)


@pytest.mark.parametrize(
    ("promised", "found"), [((3, 4, 4), "more"), ((5, 4, 4), "fewer"), ((2**32 - 1,) * 3, "fewer")]
)
def test_a_header_that_lies_is_refused(write, promised, found):
    path = write(idx_bytes(np.zeros((4, 4, 4), np.uint8), promised))
    with pytest.raises(
        DataError, match=rf"{path.name} is damaged: its header promises .* and {found} follow"
    ):
        read_idx(path, 3)


def test_a_huge_promise_is_refused_from_the_header_alone(write):
    path = write(idx_bytes(np.zeros((1, 4, 4), np.uint8), (2**32 - 1,) * 3))
    with pytest.raises(DataError, match="is damaged"):
        idx_shape(path, 3)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\x08",
        b"<html>not found</html>",
        bytes([0, 0, 0x0D, 3]) + bytes(12 + 4),
        bytes([0, 0, 8, 1]) + struct.pack(">I", 3) + bytes(3),
        bytes([0, 0, 8, 3]) + bytes(5),
    ],
    ids=["empty", "three bytes", "html", "floats", "one axis", "header cut off"],
)
def test_what_is_no_idx_file_is_refused(write, content):
    with pytest.raises(DataError, match="is not an IDX file of unsigned bytes with 3 axes"):
        idx_shape(write(content), 3)


@pytest.mark.parametrize("keep", [5, 40, -8])
def test_a_gzip_file_that_is_cut_off_is_refused(tmp_path, keep):
    noise = np.random.default_rng(0).integers(0, 256, (10, 8, 8), np.uint8)
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(idx_bytes(noise))[:keep])
    with pytest.raises(DataError, match=r"Cannot read .*cut\.gz"):
        read_idx(path, 3)


def test_a_file_that_only_claims_to_be_gzipped_is_refused(tmp_path):
    path = tmp_path / "fake.gz"
    path.write_bytes(b"this is text")
    with pytest.raises(DataError, match=r"Cannot read .*fake\.gz: Not a gzipped file"):
        read_idx(path, 3)
