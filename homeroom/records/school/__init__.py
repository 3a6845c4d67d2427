"""The record types of the school, one noun a file."""
