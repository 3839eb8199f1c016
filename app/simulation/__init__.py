"""A simulated company: its touchpoints as its systems would send them, and the ways in which real feeds are spoiled."""
