"""Invented audio-visual scenes: neither their sound nor their picture tells them all apart."""
