"""Every picture of the program, for pages, reports, exports, adapters, notebooks: SVG without script, font or address.

A drawing is made once and shown in two ways: inside a page that has the style sheet, or alone as a file. Colours are
classes of chart.css, light or dark as the reader's system is. Each has a title and a description that says its numbers.
"""

from synthdata.drawing.bars import Bar, bars, columns
from synthdata.drawing.bullet import Range, bullet, ranges
from synthdata.drawing.figure import STYLE, Drawing, round_steps, shown_rounds
from synthdata.drawing.histogram import histogram, pair_of_histograms
from synthdata.drawing.plane import Plane, Spot, scatter
from synthdata.drawing.trend import Point, trend

__all__ = [
    "STYLE",
    "Bar",
    "Drawing",
    "Plane",
    "Point",
    "Range",
    "Spot",
    "bars",
    "bullet",
    "columns",
    "histogram",
    "pair_of_histograms",
    "ranges",
    "round_steps",
    "scatter",
    "shown_rounds",
    "trend",
]
