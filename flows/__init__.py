"""Thin Prefect flows over the library: names, retries and reports, no decisions about data."""
