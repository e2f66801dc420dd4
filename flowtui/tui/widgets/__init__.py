"""Widgets that know nothing of Flow: lists of lines, fields, text, a question, the header."""
