"""Comparing a book with a venue while trading goes on.

setup      what a live comparison is given
rows       records <-> keys, amounts and entries
reading    one reading: a snapshot, and what happened around it on both sides
snapshots  positions and balances: readings until every key is settled
orders     orders: only what stays the same over the readings is a break
events     trades and movements: a window that moves on
windows    what of trades is read: that window, and what waits beside it
heard      what a venue told once it tells again
beside     what both sides say of that, and what is left as it is
verdict    one comparison, held against the store like any other run
monitor    when to compare, who does it, and what to do when it fails
"""
