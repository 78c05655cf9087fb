"""Lint: what mail programs, readers and web statistics will make of a layout. Part of `validation`; reads no file."""

from templates.lint.checks import lint_problems

__all__ = ["lint_problems"]
