"""A simulated company: its touchpoints as its systems would send them, and the ways in which real feeds are spoiled."""

from app.simulation.feed import SIMULATED
from app.simulation.spoiling import spoil
from app.simulation.world import simulate

__all__ = ["SIMULATED", "simulate", "spoil"]
