"""Runs only what is not up to date: records beside outputs, and a session that compares them."""
