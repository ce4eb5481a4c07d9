"""Venues: accounts at exchanges, through ccxt. `docs` has a page for each.

ccxt signs requests and knows limits and addresses; what an answer is, and what is none, is decided
here. It is imported when the first venue is opened.
"""
