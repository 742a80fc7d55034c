"""Pure transforms: polars frames in, polars frames out; no path, no connection, no clock."""
