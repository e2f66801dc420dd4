"""The Flow service: what is there, who is signed in, and what can go wrong."""
