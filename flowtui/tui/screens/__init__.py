"""Dialogs: what to download and where, signing in, help, leaving."""
