"""Small pictures of columns: every component is in them, however narrow."""

import re
from xml.etree import ElementTree

import numpy as np

from fastgmm import GaussianMixture
from fastgmm.summaries.marginals import BINS, HEIGHT, marginal_svg


def heights(path):
    """The heights of a line, of which 1 is the top of the picture."""
    found = np.array(re.findall(r"([\d.]+),([\d.]+)", path), float)[:BINS]
    return (HEIGHT - 1 - found[:, 1]) / (HEIGHT - 3)


def drawn(means, deviations, weights, colours=()):
    model = GaussianMixture.from_parameters(
        weights, np.c_[means], np.c_[deviations] ** 2.0, covariance_type="diag"
    )
    svg = ElementTree.fromstring(marginal_svg(model._facts(), 0, colours))
    return svg, [path.attrib for path in svg.findall("path")]


def test_a_line_is_the_density():
    svg, (line,) = drawn([0.0], [2.0], [1.0])
    assert svg.findtext("title") == "from -6 to 6"
    x = np.linspace(-6, 6, BINS + 1)
    middle = (x[:-1] + x[1:]) / 2
    np.testing.assert_allclose(heights(line["d"]), np.exp(-(middle**2) / 8), atol=0.01)
    assert line["stroke"] == "currentColor"


def test_a_narrow_component_is_seen_and_a_light_one_does_not_squeeze():
    svg, (line,) = drawn([0.0, 1.2345], [10.0, 1e-7], [0.9, 0.1])
    found = heights(line["d"])
    assert found[int((1.2345 + 30) / 60 * BINS)] == 1.0
    svg, _ = drawn([0.0, 1e6], [1.0, 1.0], [0.999, 0.001])
    assert svg.findtext("title") == "from -3 to 3"


def test_components_are_areas_of_their_colour():
    _, paths = drawn([0.0, 5.0], [1.0, 1.0], [0.5, 0.5], [(1, "#123456")])
    assert paths[0]["fill"] == "#123456"
    assert paths[0]["d"].endswith("Z")
    assert heights(paths[0]["d"])[: BINS // 4].max() < 0.01 < heights(paths[0]["d"]).max()


def test_a_column_without_extent_has_a_picture():
    svg, _ = drawn([3.0], [1e-150], [1.0])
    assert "nan" not in ElementTree.tostring(svg).decode()


def test_weights_count():
    _, (line,) = drawn([0.0, 20.0], [1.0, 1.0], [0.75, 0.25])
    found = heights(line["d"])
    assert found[: BINS // 2].max() == 1.0
    np.testing.assert_allclose(found[BINS // 2 :].max(), 1 / 3, atol=0.02)
