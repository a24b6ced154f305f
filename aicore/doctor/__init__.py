"""The doctor: what is wrong with a system, and how to mend it; one file for each thing that is examined."""

from aicore.doctor.check import Check
from aicore.doctor.examination import examine

__all__ = ["Check", "examine"]
