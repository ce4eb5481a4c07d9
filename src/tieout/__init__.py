"""Tieout reconciles what a trading firm believes with what venues, brokers and files say."""

__version__ = "0.1.0"
