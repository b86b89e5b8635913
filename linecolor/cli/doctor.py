"""`linecolor-doctor`: is everything installed and working, what can this machine do, and what is the cure?"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from linecolor.cli.parser import CommandParser, user_path

if TYPE_CHECKING:
    from linecolor.diagnosis import Finding

_EXAMPLES = """Ends with exit code 1 if there is a problem, else 0; notes are no problem.

examples:
  linecolor-doctor
  linecolor-doctor --runs-dir /data/runs
  linecolor-doctor --json > doctor.json      for a bug report
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script; returns the exit code."""
    parser = CommandParser(prog="linecolor-doctor", description=__doc__, epilog=_EXAMPLES)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument(
        "--runs-dir", type=user_path, default=Path("runs"), metavar="DIR", help="where runs are written (%(default)s)"
    )
    options = parser.parse_args(arguments)

    from linecolor.diagnosis import diagnose

    if not options.json:
        print("linecolor-doctor: imports everything once, which takes some seconds ...", file=sys.stderr, flush=True)
    findings = diagnose(options.runs_dir)
    problems = sum(finding.mark == "problem" for finding in findings)
    notes = sum(finding.mark == "note" for finding in findings)
    if options.json:
        report = {"problems": problems, "notes": notes, "findings": [asdict(finding) for finding in findings]}
        print(json.dumps(report, indent=1))
    else:
        print(table(findings))
        print(f"\n{_counted(problems, 'problem')}, {_counted(notes, 'note')}.")
    return 1 if problems else 0


def table(findings: Sequence["Finding"]) -> str:
    """The findings as text, an area after the other; a cure stands below its finding."""
    lines = []
    area = ""
    width = max((len(finding.subject) for finding in findings), default=0)
    for finding in findings:
        if finding.area != area:
            area = finding.area
            lines += ["", area.capitalize()]
        lines.append(f"  {finding.mark:<8}{finding.subject:<{width}}  {finding.said}")
        if finding.cure:
            lines.append(f"  {'':<8}{'':<{width}}  -> {finding.cure}")
    return "\n".join(lines).strip("\n")


def _counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(main())
