"""A row of pictures: how many, how large, and how a noisy one is shrunk."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from studio.contact_sheet import row_sheet
from studio.widgets.picture_row import fit_row, places

SIZES = st.tuples(st.integers(1, 300), st.integers(1, 300))
CELLS = st.tuples(st.integers(0, 60), st.integers(1, 250))
PER_CELL = st.sampled_from([(2, 1), (20, 10)])


@given(st.integers(1, 9), SIZES, CELLS, PER_CELL)
def test_pictures_of_a_row_fit_into_it_with_space_between(n, image_size, cells, per_cell):
    row = fit_row(n, image_size, cells, per_cell)
    if row is None:
        assert cells[0] * per_cell[0] < 4 or (cells[1] // n - 1) * per_cell[1] < 4
        return
    assert row.pitch * n <= cells[1]
    assert row.tile[0] <= cells[0] * per_cell[0] or row.tile[0] == 1
    assert row.tile[1] <= (row.pitch - 1) * per_cell[1] or row.tile[1] == 1
    if row.tile[0] > image_size[0]:
        assert row.tile[0] % image_size[0] == row.tile[1] % image_size[1] == 0


def test_a_row_holds_as_many_as_can_be_seen():
    half_cells = (2, 1)
    assert places(9, (8, 8), (8, 78), half_cells) == 4  # 16 pixels each
    assert places(9, (8, 8), (10, 156), half_cells) == 9
    assert places(9, (28, 28), (15, 196), half_cells) == 6  # in their own size
    assert places(9, (28, 28), (8, 78), half_cells) == 4  # shrunk
    assert places(9, (64, 64), (15, 196), (20, 10)) == 7  # enlarged four times, as the height allows


def test_noise_stays_noise_where_a_picture_is_shrunk():
    noise = np.random.default_rng(0).integers(0, 256, (1, 64, 64), dtype=np.uint8)
    tiles = [(noise, True), (noise, False), (None, False)]
    sheet = np.asarray(row_sheet(tiles, (16, 16), 18, (2, 1), (9, 9, 9)))[:, :, 0]
    thinned, averaged, empty = sheet[:, 1:17], sheet[:, 19:35], sheet[:, 36:]
    assert sheet.shape == (16, 54)
    assert thinned.std() > 0.9 * noise.std()
    assert averaged.std() < 0.4 * noise.std()
    assert (empty == 9).all()
