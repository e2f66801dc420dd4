"""Widgets that know nothing of Flow: a list of lines, a text field, a question, the header."""
