"""The commands under the names and with the options that they had before there was ``autoloop``."""
