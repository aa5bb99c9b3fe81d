"""Scores, tables, figures and one page of everything that was trained."""
