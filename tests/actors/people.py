"""The people of the tests, by the role they have in the school."""

from homeroom.engine.behaviour import SYSTEM_CALLER, Caller

SUPER = Caller("super", "super_admin", "Sue Super")
ADMIN = Caller("admin", "admin", "Ada Admin")
TEACHER = Caller("teacher", "teacher", "Tia Teacher")
COLLEAGUE = Caller("colleague", "teacher", "Carl Colleague")
ANN = Caller("ann", "student", "Ann")
BEN = Caller("ben", "student", "Ben")
EVE = Caller("eve", "student", "Eve")
PARENT = Caller("parent", "parent", "Pat Parent")
SYSTEM = SYSTEM_CALLER
EVERYONE = (SUPER, ADMIN, TEACHER, COLLEAGUE, ANN, BEN, EVE, PARENT)
