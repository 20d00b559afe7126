"""Decides: what is due, what fills a round, what is believed."""
