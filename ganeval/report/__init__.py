"""The report: one HTML file of boards, scores, runs and pictures that loads nothing; and plots as files."""

from ganeval.report.building import ReportOptions, Written, write_report

__all__ = ["ReportOptions", "Written", "write_report"]
