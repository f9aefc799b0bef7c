"""Pictures of kernels and feature maps: the values drawn, their scale, titles and errors."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from tinynet import (
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    ReLU,
    Reshape,
    Sequential,
    plot,
)

mpl.use("Agg")  # no display needed
import matplotlib.pyplot as plt

W = np.random.default_rng(0).normal(size=(4, 3, 2, 5))


def axes():
    return Figure().subplots()


def tiles(ax, rows, columns, gap, height, width):
    """The images of a mosaic, `(rows, columns, height, width)`; between them there is nothing."""
    mosaic = np.ma.filled(ax.images[0].get_array().astype(float), np.nan)
    assert mosaic.shape == (rows * (gap + height), columns * (gap + width) - gap)
    tops, lefts = range(gap, len(mosaic), gap + height), range(0, mosaic.shape[1], gap + width)
    drawn = np.array([[mosaic[t : t + height, e : e + width] for e in lefts] for t in tops])
    assert np.isfinite(mosaic).sum() == np.isfinite(drawn).sum()
    return drawn


class TestFilters:
    def test_a_row_for_each_output_and_a_column_for_each_input(self):
        ax = plot.filters(W, ax=axes())
        np.testing.assert_array_equal(tiles(ax, 4, 3, 1, 2, 5), W)
        assert ax.get_title() == "Kernels of 4 outputs and 3 inputs"
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("Input channel", "Output channel")

    @pytest.mark.parametrize("channel", [1, -2, np.int64(1)])
    def test_the_kernels_of_one_input_fill_a_square(self, channel):
        ax = plot.filters(W, channel=channel, ax=axes())
        np.testing.assert_array_equal(tiles(ax, 2, 2, 1, 2, 5).reshape(4, 2, 5), W[:, 1])
        assert ax.get_title() == "Kernels of 4 outputs for input 1"
        assert ax.get_xlabel() == ""

    def test_the_only_input_needs_no_choice(self):
        layer = Conv2D(1, 6, 5, rng=0)
        ax = plot.filters(layer, ax=axes())
        np.testing.assert_array_equal(tiles(ax, 2, 3, 1, 5, 5).reshape(6, 5, 5), layer.W[:, 0])
        assert ax.get_title() == "Kernels of 6 outputs"
        one = plot.filters(layer.W[:1].tolist(), ax=axes())
        np.testing.assert_array_equal(one.images[0].get_array(), layer.W[0, 0])
        assert one.get_title() == "Kernels of 1 output"

    def test_one_scale_about_zero_on_which_red_is_positive(self):
        ax = plot.filters(np.array([-3, 1, 0, 2]).reshape(2, 2, 1, 1), ax=axes())
        picture = ax.images[0]
        assert picture.get_clim() == (-3, 3)
        (red, _, blue, _), white, (low_red, _, low_blue, _) = map(picture.to_rgba, (3.0, 0.0, -3.0))
        assert red > blue
        assert low_red < low_blue
        np.testing.assert_allclose(white[:3], 1, atol=0.04)
        assert plot.filters(W[:, :1] * 0, ax=axes()).images[0].get_clim() == (-1, 1)
        assert [other.get_ylabel() for other in ax.figure.axes] == ["Output channel", "Weight"]

    def test_the_smallest_int_is_drawn_as_its_size(self):
        kernel = np.array([-128, 1], np.int8).reshape(1, 1, 1, 2)
        assert plot.filters(kernel, ax=axes()).images[0].get_clim() == (-128, 128)

    def test_groups_have_the_channels_of_one_group(self):
        ax = plot.filters(Conv2D(4, 4, 3, groups=4, rng=0), ax=axes())
        assert ax.get_title() == "Kernels of 4 outputs"

    @pytest.mark.parametrize("shape", [(1, 1, 1, 9), (64, 3, 3, 3), (250, 4, 3, 3), (2, 90, 1, 1)])
    def test_the_title_fits_on_its_own_figure(self, shape):
        ax = plot.filters(np.ones(shape))
        ax.figure.canvas.draw()
        title, figure = ax.title.get_window_extent(), ax.figure.bbox
        plt.close(ax.figure)
        assert figure.x0 <= title.x0 < title.x1 <= figure.x1
        assert title.y1 <= figure.y1

    @pytest.mark.parametrize(
        ("of", "channel", "error", "message"),
        [
            (W, 3, IndexError, "There is no input channel 3: there are 3, counted from 0"),
            (W, 1.0, TypeError, "channel must be an int; got 1.0"),
            (W[0], None, ValueError, r"\(out, in, kH, kW\).* got W of shape \(3, 2, 5\)"),
            (W[..., :0], None, ValueError, r"got W of shape \(4, 3, 2, 0\)"),
            (W[:0], None, ValueError, "draws 1 to 1000 kernels, got 0"),
            (np.ones((40, 26, 1, 1)), None, ValueError, r"got 1040. .*W\[:25\], or .*channel=0"),
            (W * np.nan, None, ValueError, "not all finite. Did training diverge"),
            (Dense(3, 2, rng=0), None, ValueError, r"shape \(3, 2\) from Dense\(3, 2, rng=0\)"),
            (Conv1D(3, 2, 2, rng=0), None, ValueError, r"shape \(2, 3, 2\) from Conv1D\(3, 2"),
            ("W", None, TypeError, "layer_or_W must be an array .* got str"),
            (Conv2D, None, TypeError, "layer_or_W must be an array"),
        ],
    )
    def test_what_holds_no_kernels_is_refused(self, of, channel, error, message):
        with pytest.raises(error, match=message):
            plot.filters(of, channel=channel)


def network():
    return Sequential(
        Reshape((1, 8, 8)),
        Conv2D(1, 3, 3, rng=0),
        BatchNorm(3),
        MaxPool2D(2),
        Flatten(),
        Dropout(0.5, rng=0),
        Dense(27, 2, rng=1),
    )


IMAGE = np.random.default_rng(1).normal(size=64)


class TestFeatureMaps:
    @pytest.mark.parametrize("layer", [1, -6, np.int64(1)])
    def test_each_channel_is_an_image_on_one_scale(self, layer):
        net = network()
        ax = plot.feature_maps(net, IMAGE, layer, ax=axes())
        expected = net[1].predict(IMAGE.reshape(1, 1, 8, 8))[0]
        drawn = tiles(ax, 2, 2, 1, 6, 6).reshape(4, 6, 6)
        np.testing.assert_array_equal(drawn[:3], expected)
        assert np.isnan(drawn[3]).all()
        assert ax.images[0].get_clim() == (expected.min(), expected.max())
        assert ax.get_title() == "Output of layer 1, Conv2D(1, 3, 3, rng=0)"
        assert [other.get_ylabel() for other in ax.figure.axes] == ["", "Output"]

    def test_the_scale_begins_at_zero_where_nothing_is_negative(self):
        net = Sequential(Conv2D(1, 3, 3, rng=0), ReLU())
        low, high = plot.feature_maps(net, IMAGE.reshape(1, 8, 8), ax=axes()).images[0].get_clim()
        assert low == 0 < high
        net[0].W[...] = 0
        net[0].b[...] = 2
        ax = plot.feature_maps(net, IMAGE.reshape(1, 8, 8), ax=axes())
        assert ax.images[0].get_clim() == (0, 2)

    def test_by_default_it_is_the_last_layer_that_has_maps(self):
        ax = plot.feature_maps(network(), IMAGE, ax=axes())
        assert ax.get_title() == "Output of layer 3, MaxPool2D(2)"
        assert tiles(ax, 2, 2, 1, 3, 3).shape == (2, 2, 3, 3)

    def test_a_long_layer_is_cut_short(self):
        net = Sequential(Sequential(Conv2D(1, 3, 3, rng=0), ReLU(), MaxPool2D(2)))
        title = plot.feature_maps(net, IMAGE.reshape(1, 8, 8), ax=axes()).get_title()
        assert title.startswith("Output of layer 0, Sequential(Conv2D(1, 3, 3")
        assert title.endswith("…")

    @pytest.mark.parametrize("shape", [(1, 8, 8), (1, 1, 8, 8)])
    def test_an_image_has_the_form_that_the_network_takes(self, shape):
        net = Sequential(Conv2D(1, 1, 3, rng=0))
        ax = plot.feature_maps(net, IMAGE.reshape(shape).tolist(), ax=axes())
        expected = net.predict(IMAGE.reshape(1, 1, 8, 8))[0, 0]
        np.testing.assert_array_equal(ax.images[0].get_array(), expected)

    @pytest.mark.parametrize("shape", [(64,), (1, 64)])
    def test_rows_of_values_may_come_first(self, shape):
        net = Sequential(Dense(64, 16, rng=0), Reshape((1, 4, 4)))
        ax = plot.feature_maps(net, IMAGE.reshape(shape), ax=axes())
        np.testing.assert_array_equal(
            ax.images[0].get_array(), net.predict(IMAGE[np.newaxis])[0, 0]
        )

    def test_nothing_changes_in_the_network(self):
        net, same = network(), network()
        x = np.random.default_rng(2).normal(size=(5, 64))
        for one in (net, same):
            y = one.forward(x)
        plot.feature_maps(net, IMAGE, ax=axes())
        np.testing.assert_array_equal(net.backward(np.ones_like(y)), same.backward(np.ones_like(y)))
        np.testing.assert_array_equal(net.grads, same.grads)
        np.testing.assert_array_equal(net.predict(x), same.predict(x))
        np.testing.assert_array_equal(net.forward(x), same.forward(x))

    def test_an_image_that_does_not_fit_is_refused_by_its_layer(self):
        with pytest.raises(ValueError, match="64 elements") as info:
            plot.feature_maps(network(), np.ones(63))
        assert info.value.__notes__[0].startswith("in layer 0 of net, for one image of shape (63,)")
        with pytest.raises(ValueError, match=r"must be \(N, 1, H, W\)") as info:
            plot.feature_maps(Sequential(Conv2D(1, 2, 3, rng=0)), IMAGE)
        assert "one image of shape (64,)" in info.value.__notes__[-1]
        with pytest.raises(ValueError, match="elements") as info:
            plot.feature_maps(network(), np.ones((2, 1, 8, 8)), 1)
        assert "one image of shape (2, 1, 8, 8)" in info.value.__notes__[-1]

    @pytest.mark.parametrize(
        ("layer", "error", "message"),
        [
            (7, IndexError, "There is no layer 7: there are 7, counted from 0"),
            (-8, IndexError, "There is no layer -8"),
            (1.0, TypeError, "layer must be an int, the place of a layer in net; got 1.0"),
            (Flatten(), TypeError, r"place of a layer in net; got Flatten\(\)"),
            (4, ValueError, r"layer=4, Flatten\(\), .* got \(1, 27\). .*have them: 0, 1, 2, 3\."),
            (-1, ValueError, r"layer=6, Dense\(27, 2, rng=1\), has no feature maps"),
        ],
    )
    def test_a_layer_without_maps_is_refused(self, layer, error, message):
        with pytest.raises(error, match=message):
            plot.feature_maps(network(), IMAGE, layer)

    def test_a_network_without_maps_is_refused(self):
        net = Sequential(Dense(64, 3, rng=0), ReLU())
        with pytest.raises(ValueError, match=r"No layer of net has feature maps.*plot.activations"):
            plot.feature_maps(net, IMAGE)
        with pytest.raises(ValueError, match=r"has no feature maps: .* got \(1, 3\)\.$"):
            plot.feature_maps(net, IMAGE, 1)
        with pytest.raises(TypeError, match=r"net must be a Sequential; got Conv2D\(1, 3, 3"):
            plot.feature_maps(Conv2D(1, 3, 3, rng=0), IMAGE.reshape(1, 8, 8))

    def test_values_that_cannot_be_drawn_are_refused(self):
        with pytest.raises(ValueError, match="image must hold finite numbers"):
            plot.feature_maps(network(), IMAGE * np.nan)
        net = network()
        net[1].b[0] = np.inf
        with pytest.raises(ValueError, match=r"layer 1, Conv2D.* not finite. Did training diverge"):
            plot.feature_maps(net, IMAGE, 1)
        with pytest.raises(ValueError, match="1 to 1000 channels, got 1001"):
            plot.feature_maps(Sequential(Reshape((1001, 1, 1))), np.ones(1001))
