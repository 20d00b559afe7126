"""The record of a study: events, and what they add up to. Pure."""
