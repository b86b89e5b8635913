"""Tables of figures in letters of one width, for a terminal."""

from linecolor.report.tables import Table, lay_out_table


def table_text(table: Table) -> str:
    """A report's table as lines of text: numbers to the right, words to the left."""
    columns = lay_out_table(table)["columns"]
    cells = [[column["name"], *column["texts"]] for column in columns]
    widths = [max(map(len, column)) for column in cells]
    lines = []
    for row in zip(*cells):
        aligned = [c.rjust(w) if column["numeric"] else c.ljust(w) for c, w, column in zip(row, widths, columns)]
        lines.append("  ".join(aligned).rstrip())
    return "\n".join(lines)
