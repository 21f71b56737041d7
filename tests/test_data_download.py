import gzip
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from ddpm.config import DataConfig
from ddpm.datasets import load_images
from ddpm.errors import DataError
from ddpm.sources.download import fetch

CONTENT = bytes(range(256)) * 1000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Mirror:
    """A web server on this machine; ``files`` maps paths to content, ``cut`` ends answers early."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.asked: list[str] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked.append(self.path)
                content = mirror.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if self.path in mirror.cut else content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})


@pytest.fixture
def mirror(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    mirror = Mirror()
    mirror.thread.start()
    yield mirror
    mirror.server.shutdown()
    mirror.thread.join()
    mirror.server.server_close()


def ignore(_what: str, _done: int, _total: int) -> None:
    pass


def test_a_file_arrives_whole_and_progress_is_told(mirror, tmp_path):
    mirror.files["/a.gz"] = CONTENT
    told = []
    fetch([f"{mirror.url}/a.gz"], MD5, tmp_path / "new" / "a.gz", lambda *row: told.append(row))
    assert (tmp_path / "new" / "a.gz").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.gz"]
    assert told[0] == ("downloading a.gz", 0, len(CONTENT))
    assert told[-1] == ("downloading a.gz", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in told] == sorted({done for _, done, _ in told})


@pytest.mark.parametrize("problem", ["missing", "other content", "cut off"])
def test_the_next_mirror_is_tried(mirror, tmp_path, problem):
    mirror.files["/good/a"] = CONTENT
    if problem == "other content":
        mirror.files["/bad/a"] = b"<html>moved</html>"
    elif problem == "cut off":
        mirror.files["/bad/a"] = CONTENT
        mirror.cut.add("/bad/a")
    fetch([f"{mirror.url}/bad/a", f"{mirror.url}/good/a"], MD5, tmp_path / "a", ignore)
    assert mirror.asked == ["/bad/a", "/good/a"]
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_when_all_mirrors_fail_it_says_what_was_tried_and_what_to_do(mirror, tmp_path):
    mirror.files["/wrong/a"] = b"something else"
    urls = [f"{mirror.url}/none/a", f"{mirror.url}/wrong/a", "http://127.0.0.1:1/a"]
    with pytest.raises(DataError) as caught:
        fetch(urls, MD5, tmp_path / "a", ignore)
    sentence = str(caught.value)
    for part in (*urls, "Not Found", f"not {MD5}", "refused", str(tmp_path), "--data-root"):
        assert part in sentence
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_download_leaves_nothing_behind(mirror, tmp_path, interruption):
    mirror.files["/a"] = CONTENT

    def interrupt(_what: str, done: int, _total: int) -> None:
        if done:
            raise interruption

    with pytest.raises(interruption):
        fetch([f"{mirror.url}/a"], MD5, tmp_path / "a", interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_data_root_that_cannot_be_written_is_one_sentence(mirror, tmp_path):
    mirror.files["/a"] = CONTENT
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"Cannot write to .*file.*--data-root"):
        fetch([f"{mirror.url}/a"], MD5, tmp_path / "file" / "a", ignore)


def idx_gz(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes())


@pytest.fixture
def small_mnist(mirror, monkeypatch):
    """The MNIST that torchvision knows, replaced by a small one on the mirror."""
    datasets = pytest.importorskip("torchvision.datasets")
    pictures = np.random.default_rng(2).integers(0, 256, (6, 28, 28), np.uint8)
    contents = {
        "train-images-idx3-ubyte.gz": idx_gz(pictures),
        "train-labels-idx1-ubyte.gz": idx_gz(np.arange(6)),
    }
    resources = [(name, hashlib.md5(content).hexdigest()) for name, content in contents.items()]
    mirror.files |= {f"/second/{name}": content for name, content in contents.items()}
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{mirror.url}/first/", f"{mirror.url}/second/"])
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    return pictures


def test_mnist_is_downloaded_once_where_torchvision_finds_it(mirror, small_mnist, tmp_path):
    config = DataConfig(source="mnist")
    told = []
    images = load_images(config, tmp_path, download=True, progress=lambda *row: told.append(row))
    np.testing.assert_array_equal(images.images[:, 0], small_mnist)
    np.testing.assert_array_equal(images.labels, np.arange(6))
    assert {path.name for path in (tmp_path / "MNIST" / "raw").iterdir()} == {
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    }
    assert {what for what, _, _ in told} == {
        "downloading train-images-idx3-ubyte.gz",
        "downloading train-labels-idx1-ubyte.gz",
    }
    mirror.asked.clear()
    assert load_images(config, tmp_path, download=True).n == 6
    assert mirror.asked == []


def test_torchvision_takes_over_what_was_downloaded(mirror, small_mnist, tmp_path):
    from torchvision.datasets import MNIST

    load_images(DataConfig(source="mnist"), tmp_path, download=True)
    mirror.asked.clear()
    theirs = MNIST(str(tmp_path), train=True, download=True)
    assert mirror.asked == []
    np.testing.assert_array_equal(theirs.data.numpy(), small_mnist)
    np.testing.assert_array_equal(load_images(DataConfig(source="mnist"), tmp_path).images[:, 0], small_mnist)


def test_half_a_download_is_completed_later(mirror, small_mnist, tmp_path):
    images = mirror.files.pop("/second/train-images-idx3-ubyte.gz")
    with pytest.raises(DataError, match=r"Cannot download train-images-idx3-ubyte\.gz"):
        load_images(DataConfig(source="mnist"), tmp_path, download=True)
    mirror.files["/second/train-images-idx3-ubyte.gz"] = images
    assert load_images(DataConfig(source="mnist"), tmp_path, download=True).labels is not None


def test_nothing_is_downloaded_unasked(mirror, small_mnist, tmp_path):
    with pytest.raises(DataError, match="mnist is not on this disk"):
        load_images(DataConfig(source="mnist"), tmp_path)
    assert mirror.asked == []
    assert list(tmp_path.iterdir()) == []
