"""An embedded Flow server with sample data, for trying the program and for its tests."""
