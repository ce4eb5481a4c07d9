"""What a source's columns are made of, in words that every format and library shares."""

from __future__ import annotations

from enum import StrEnum


class Physical(StrEnum):
    """How a source stores a column, before it is read."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    WIDE_DECIMAL = "wide_decimal"
    FLOAT = "float"
    NAIVE_TIME = "naive_time"
    UTC_TIME = "utc_time"
    DATE = "date"
    OTHER = "other"
