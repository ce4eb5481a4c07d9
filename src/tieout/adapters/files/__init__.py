"""Sources that are files: delimited text, Parquet, JSON, NDJSON, XLSX; plain, gzip or zstd."""
