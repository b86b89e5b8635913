"""The self-contained HTML report of a run: one file that opens anywhere, offline, on a phone and in print.

document: the report as a whole, rendered and written. pictures, tables, curves: what it is made of.
"""

from linecolor.html.curves import Curve
from linecolor.html.document import Report, render_report, write_report
from linecolor.html.pictures import Sheet, SheetRow
from linecolor.html.tables import Cell, Table

__all__ = ["Cell", "Curve", "Report", "Sheet", "SheetRow", "Table", "render_report", "write_report"]
