"""Strategies: who fills the next round, one small file each."""
