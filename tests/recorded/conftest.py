"""The table by endpoint, below the results of the tests."""

from __future__ import annotations

import pytest

from tests.recorded.rounds import table

MARK = "recorded-exchanges"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Rows come with the reports, so that they arrive from other processes too."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    rows = [value for report in reports for name, value in report.user_properties if name == MARK]
    if rows:
        terminalreporter.section("recorded exchanges through a running Poise, same dialect in and out")
        for line in table(rows):
            terminalreporter.line(line)
