"""Homeroom: a realtime engine for schools."""
