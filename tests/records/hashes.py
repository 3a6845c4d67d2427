"""Hashes of passwords that take no time: for tests of anything but what a password costs."""

from argon2 import PasswordHasher

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
